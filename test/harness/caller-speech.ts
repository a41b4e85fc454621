import { createRecogniser } from '../../rehearsal/recogniser/recogniser.ts';
import type { Recogniser } from '../../rehearsal/recogniser/recogniser.ts';
import type { Voice } from '../../rehearsal/voice/voice.ts';

/** PCM16 mono at 8 kHz: what telephones speak. */
export const RATE = 8000;
const FRAME = RATE / 50;
/** Mean amplitude of a frame that is speech and not line noise, of 32768. */
const SPEECH_LEVEL = 300;
/** The agent's voice pauses for 280 ms between sentences; its utterances are further apart. */
const GAP_FRAMES = 30;
const SHORTEST_FRAMES = 10;

export interface Cue {
  /** Seconds from the answer. */
  readonly at: number;
  readonly say: string;
}

/** A recording of a caller who says each cue at its time, and nothing else for `seconds`. */
export async function recordCaller(
  voice: Voice,
  cues: readonly Cue[],
  seconds: number,
): Promise<Int16Array> {
  const recording = new Int16Array(seconds * RATE);
  for (const { at, say } of cues) {
    recording.set(await voice.speak(say, { speaker: 'caller', sampleRate: RATE }), at * RATE);
  }
  return recording;
}

/**
 * What the agent was heard to say, utterance by utterance: which of `texts` each sounds like, or
 * what the recogniser says of speech that is none of them.
 * @param heard PCM16 mono at 8 kHz
 */
export async function hearAgent(
  voice: Voice,
  heard: Int16Array,
  texts: readonly string[],
): Promise<string[]> {
  const recogniser = await recogniserOf(voice, texts);
  return utterances(heard).map((piece) => recogniser.recognise(piece, RATE).text);
}

/**
 * Whether the last of what was heard is this text of the agent's, also when it came right after
 * something else that it had cut short.
 */
export async function endsWith(voice: Voice, heard: Int16Array, text: string): Promise<boolean> {
  const recogniser = await recogniserOf(voice, [text]);
  const last = utterances(heard).at(-1) ?? new Int16Array();
  for (let start = 0; start < last.length; start += 4 * FRAME) {
    if (recogniser.recognise(last.subarray(start), RATE).text === text) return true;
  }
  return false;
}

async function recogniserOf(voice: Voice, texts: readonly string[]): Promise<Recogniser> {
  const speak = (text: string) => voice.speak(text, { speaker: 'agent', sampleRate: RATE });
  const phrases = await Promise.all(
    [...new Set(texts)].map(async (text) => {
      // The first sentence may have been synthesised for itself, so that no pause follows it.
      const [, first = '', rest = ''] = /^(.{8,}?[.!?] )(.*)$/.exec(text) ?? [];
      const joined = Int16Array.from([...(await speak(first)), ...(await speak(rest))]);
      return [{ text, pcm: await speak(text) }, ...(rest ? [{ text, pcm: joined }] : [])];
    }),
  );
  return createRecogniser(phrases.flat());
}

/** Speech, cut at pauses of 600 ms. */
export function utterances(pcm: Int16Array): Int16Array[] {
  const found: Int16Array[] = [];
  let start = -1;
  let lastLoud = -1;
  const close = () => {
    if (start >= 0 && lastLoud - start >= SHORTEST_FRAMES) {
      found.push(pcm.slice(Math.max(0, start - 5) * FRAME, (lastLoud + 6) * FRAME));
    }
    start = -1;
  };
  for (let frame = 0; (frame + 1) * FRAME <= pcm.length; frame++) {
    if (level(pcm.subarray(frame * FRAME, (frame + 1) * FRAME)) > SPEECH_LEVEL) {
      if (start < 0) start = frame;
      lastLoud = frame;
    } else if (start >= 0 && frame - lastLoud > GAP_FRAMES) close();
  }
  close();
  return found;
}

function level(frame: Int16Array): number {
  return frame.reduce((sum, sample) => sum + Math.abs(sample), 0) / frame.length;
}
