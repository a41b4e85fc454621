import type { Utterance } from './utterance.ts';
import { createSpeechMeter } from './speech-meter.ts';

export interface ConversationOptions {
  readonly utterances: readonly Utterance[];
  /** The agent has finished when it was silent for so long, ms. */
  readonly gapMs: number;
  /** The agent is given up for silent after so long, ms. */
  readonly patienceMs: number;
  /** Speak into the agent's speech once it has lasted so long, ms; undefined: let it finish. */
  readonly bargeInAfterMs: number | undefined;
  readonly onEvent: (event: ConversationEvent) => void;
}

/** Times are performance.now() milliseconds. */
export type ConversationEvent =
  /** We begin to say the phrase of turn `turn` (0, 1, …). */
  | { readonly type: 'saying'; readonly turn: number; readonly text: string; readonly at: number }
  | { readonly type: 'said'; readonly turn: number; readonly text: string; readonly at: number }
  /**
   * The agent began to speak, after or during turn `turn` (-1: the greeting). `latencyMs` is from
   * our last speech frame to its first; undefined when it spoke before we had finished, or goes on
   * after a pause.
   */
  | {
      readonly type: 'reply';
      readonly turn: number;
      readonly latencyMs: number | undefined;
      /** It began while we were speaking. */
      readonly overlaps: boolean;
      readonly at: number;
    }
  /** The agent finished an utterance. */
  | {
      readonly type: 'heard';
      readonly turn: number;
      readonly startedAt: number;
      readonly at: number;
    }
  /** The agent fell silent because we spoke: from our first speech frame to its last. */
  | {
      readonly type: 'interrupted';
      readonly turn: number;
      readonly stopMs: number;
      readonly at: number;
    }
  /** No reply within our patience; turn -1: not even a greeting. */
  | { readonly type: 'missed'; readonly turn: number; readonly at: number };

/** Who speaks when. Pure: driven by `nextFrame` every 20 ms and by what is heard. */
export interface Conversation {
  /** The frame to send now; undefined: silence. `first` marks a talkspurt's start. */
  nextFrame(now: number): { readonly payload: Uint8Array; readonly first: boolean } | undefined;
  heard(speech: boolean, ms: number, at: number): void;
  /** The agent has been heard to finish its first utterance, or was given up. */
  readonly greeted: boolean;
  /** In the middle of a phrase. */
  readonly talking: boolean;
  /** Everything is said and answered (or given up). */
  readonly done: boolean;
}

export function createConversation(options: ConversationOptions): Conversation {
  const { utterances, onEvent, patienceMs, bargeInAfterMs } = options;
  let turn = -1;
  let current: Utterance | undefined;
  let position = 0;
  /** Our speech of the current turn, as sent. */
  let firstSentAt: number | undefined;
  let lastSentAt: number | undefined;
  let listeningSince: number | undefined;
  let answered = false;
  let barging = false;
  let replyStartedAt = 0;
  let done = false;

  const meter = createSpeechMeter({
    gapMs: options.gapMs,
    onStart(at) {
      replyStartedAt = at;
      const latencyMs =
        !answered && lastSentAt !== undefined && at >= lastSentAt ? at - lastSentAt : undefined;
      answered = true;
      onEvent({ type: 'reply', turn, latencyMs, overlaps: current !== undefined, at });
    },
    onEnd(startedAt, at) {
      if (barging && firstSentAt !== undefined) {
        barging = false;
        // The agent speaks on after our phrase: what starts next is the reply to it.
        answered = false;
        onEvent({ type: 'interrupted', turn, stopMs: at - firstSentAt, at });
      }
      onEvent({ type: 'heard', turn, startedAt, at });
    },
  });

  const sayNext = (now: number): void => {
    const next = utterances[turn + 1];
    if (!next) {
      done = true;
      return;
    }
    turn += 1;
    current = next;
    position = 0;
    barging = meter.speaking;
    answered = false;
    firstSentAt = undefined;
    lastSentAt = undefined;
    onEvent({ type: 'saying', turn, text: next.text, at: now });
  };

  const listen = (now: number): void => {
    listeningSince ??= now;
    if (meter.speaking) {
      const longEnough = bargeInAfterMs !== undefined && now - replyStartedAt >= bargeInAfterMs;
      if (longEnough && !barging && turn + 1 < utterances.length) sayNext(now);
    } else if (answered) {
      sayNext(now);
    } else if (now - listeningSince >= patienceMs) {
      onEvent({ type: 'missed', turn, at: now });
      sayNext(now);
    }
  };

  return {
    nextFrame(now) {
      const wasSpeaking = meter.speaking;
      meter.tick(now);
      // A tick of its own for what was heard to be understood before we speak.
      const justEnded = wasSpeaking && !meter.speaking;
      if (!current && !done && !justEnded) listen(now);
      const payload = current?.frames[position];
      if (!current || !payload) return undefined;
      const first = position === 0;
      if (first) firstSentAt = now;
      position += 1;
      if (position === current.frames.length) {
        lastSentAt = now;
        onEvent({ type: 'said', turn, text: current.text, at: now });
        current = undefined;
        listeningSince = now;
        // What the agent said while we spoke is no reply, unless it is still speaking.
        answered = meter.speaking || replyStartedAt >= now;
      }
      return { payload, first };
    },
    heard: (speech, ms, at) => meter.heard(speech, ms, at),
    get greeted() {
      return turn >= 0 || done || (answered && !meter.speaking);
    },
    get talking() {
      return current !== undefined;
    },
    get done() {
      return done;
    },
  };
}
