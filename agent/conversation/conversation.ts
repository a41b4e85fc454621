import { voice } from '@livekit/agents';
import type { Logger } from 'pino';
import type { Activity } from '../../calls/activity.ts';
import type { ReportBody } from '../../calls/reports.ts';
import type { Line } from '../../config/config.ts';
import { CallAgent } from './call-agent.ts';
import type { CallerAudio } from '../audio/caller-audio.ts';
import { CallerVoice } from '../audio/caller-voice.ts';
import { reportConversation, usageOf } from './conversation-reports.ts';
import type { Ending } from './ending.ts';
import { Deafness } from '../speech/deafness.ts';
import { DeepgramStt } from '../speech/deepgram-stt.ts';
import { Patience } from '../speech/patience.ts';
import type { Missed } from '../speech/patience.ts';
import { phrasesFor } from '../speech/phrases.ts';
import type { Phrases } from '../speech/phrases.ts';
import type { Providers } from '../speech/providers.ts';
import { createSession } from './session.ts';
import { speechOf } from '../speech/speakable.ts';
import { Speaker } from '../audio/speaker.ts';
import { asFrames, play } from '../speech/spoken-texts.ts';
import type { SpokenTexts } from '../speech/spoken-texts.ts';
import { tellActivity } from './tell-activity.ts';
import { endCallTool } from '../tools/tools.ts';

const { AgentSessionEventTypes: Happened } = voice;

/** Closing a session may wait for a provider that hangs; the call's record must not. */
const CLOSE_TIMEOUT_MS = 2_000;
const FAREWELL_TIMEOUT_MS = 10_000;
/** What a caller bears before they say "Hello?". */
const REPLY_TIMEOUT_MS = 5_000;
const MAX_MISSED_REPLIES = 2;

export interface ConversationOptions {
  readonly line: Line;
  readonly providers: Providers;
  readonly spokenTexts: SpokenTexts;
  /** The caller's ear. */
  readonly speaker: Speaker;
  /** The caller's mouth. */
  readonly audio: CallerAudio;
  readonly log: Logger;
  readonly report: (body: ReportBody) => void;
  readonly tell: (activity: Activity) => void;
  /** It wants the call to end; the first time counts. */
  readonly end: (ending: Ending) => void;
  /** Aborted when the call is over. */
  readonly signal: AbortSignal;
}

/**
 * What an agent and a caller say to each other. Nobody is left in silence, and none lasts for ever:
 * where a reply is not heard, the caller is asked to repeat, and at last told and released.
 */
export class Conversation {
  readonly #options: ConversationOptions;
  readonly #session: voice.AgentSession;
  readonly #phrases: Phrases;
  readonly #patience: Patience;

  constructor(options: ConversationOptions) {
    const { line, providers } = options;
    this.#options = options;
    this.#session = createSession(line, providers);
    this.#phrases = phrasesFor(line.language);
    this.#patience = this.#watch();
  }

  async start(): Promise<void> {
    const { line, speaker, audio, report, tell, end, signal } = this.#options;
    const session = this.#session;
    reportConversation(session, speaker, report);
    tellActivity(session, speaker, tell, signal);
    session.on(Happened.Close, ({ error }) => {
      if (error) end(providerFailure(error.type));
    });
    session.input.audio = audio;
    session.output.audio = speaker;
    speaker.once(Speaker.HEARD, () => report({ type: 'agent.first_audio', data: {} }));
    const hangUp = () => {
      // A model may hang up without a word; we do not.
      const farewell = this.#patience.isUnanswered && ({ farewell: 'goodbye' } as const);
      end({ endedBy: 'agent', endReason: 'agent_hangup', ...farewell });
    };
    await session.start({ agent: new CallAgent(line, [endCallTool(hangUp)]), record: false });
  }

  /** The call was answered: it does not last for ever. */
  begin(): void {
    const { line, end, signal } = this.#options;
    const tooLong = setTimeout(
      () => end({ endedBy: 'system', endReason: 'max_duration', farewell: 'goodbye' }),
      line.agent.limits.maxDurationSeconds * 1000,
    );
    signal.addEventListener('abort', () => clearTimeout(tooLong), { once: true });
  }

  async greet(): Promise<void> {
    const { line, spokenTexts } = this.#options;
    const { greeting } = line.agent;
    this.#patience.owe();
    if ('text' in greeting) {
      return this.#say(await speechOf(greeting.text, line.language));
    }
    const recording = await spokenTexts.recording(greeting.wav);
    this.#session.say('(the recorded greeting)', { audio: asFrames(recording) });
  }

  /** We have not heard each other for a while. */
  async resume(): Promise<void> {
    this.#patience.owe();
    await this.#say(this.#phrases.resumed);
  }

  /** Nobody hears what is being said: somebody else is coming, or the caller was away. */
  interrupt(): void {
    this.#patience.rest();
    this.#session.interrupt();
  }

  /** Its last turn and what it has cost are reported by this. */
  async close(): Promise<void> {
    const { line, report } = this.#options;
    await settle(this.#session.close(), CLOSE_TIMEOUT_MS);
    report({ type: 'usage', data: { models: usageOf(this.#session, line.agent) } });
  }

  /** The last word, once it is closed; to whatever state it may have left the voice in. */
  async bid(farewell: keyof Phrases): Promise<void> {
    const { line, spokenTexts, speaker } = this.#options;
    speaker.clearBuffer();
    speaker.resume();
    const samples = await spokenTexts.samples(line.agent, this.#phrases[farewell]);
    await play(samples, speaker, FAREWELL_TIMEOUT_MS);
  }

  /** Lets the providers go. */
  async release(): Promise<void> {
    const { stt, tts } = this.#session;
    await Promise.allSettled([stt?.close(), tts?.close()]);
  }

  /** A text that is the same in every call: its audio is there already, whatever the TTS does. */
  async #say(text: string): Promise<void> {
    const { line, spokenTexts, signal, log, end } = this.#options;
    try {
      const samples = await spokenTexts.samples(line.agent, text);
      if (!signal.aborted) this.#session.say(text, { audio: asFrames(samples, text) });
    } catch (error) {
      log.warn({ err: error }, 'a fixed text cannot be synthesised');
      end(providerFailure('tts_error'));
    }
  }

  #watch(): Patience {
    const { line, speaker, audio, signal, end, report } = this.#options;
    const session = this.#session;
    const tell = (why: Missed, recoverable: boolean) =>
      report({ type: 'agent.error', data: { component: 'session', message: why, recoverable } });
    const options = {
      replyMs: REPLY_TIMEOUT_MS,
      maxMissed: MAX_MISSED_REPLIES,
      onMissed: (why: Missed) => {
        tell(why, true);
        if (why === 'the caller spoke and no word was recognised') deafness.tell();
        session.interrupt();
        void this.#say(this.#phrases.repeat);
      },
      onGivenUp: (why: Missed) => {
        tell(why, false);
        end(providerFailure('no reply'));
      },
      idleMs: line.agent.limits.idleSeconds * 1000,
      onSilence: (times: number) => {
        if (times === 1) void this.#say(this.#phrases.stillThere);
        else end({ endedBy: 'agent', endReason: 'idle', farewell: 'goodbye' });
      },
    };
    const deafness = new Deafness(() => {
      if (!(session.stt instanceof DeepgramStt)) return;
      session.stt.renew();
      const message = 'speech was heard and no word understood: connected anew';
      report({ type: 'agent.error', data: { component: 'stt', message, recoverable: true } });
    });
    const patience = new Patience(options, signal);
    const mouth = new CallerVoice();
    mouth.on('voice', (ms) => {
      patience.voice(ms);
      deafness.voice(ms);
    });
    audio.onFrame = (frame) => mouth.hear(frame);
    speaker.on(Speaker.HEARD, (until: number) => patience.heard(until));
    speaker.on(Speaker.STARVED, (ms: number) => patience.starved(ms));
    session.on(Happened.SpeechCreated, ({ speechHandle }) => {
      patience.begins(speechHandle);
      speechHandle.addDoneCallback(() => patience.ends(speechHandle, speechHandle.interrupted));
    });
    session.on(Happened.UserInputTranscribed, ({ transcript }) => {
      if (!transcript.trim()) return;
      patience.words();
      deafness.words();
    });
    session.on(Happened.ConversationItemAdded, ({ item }) => {
      if (item.type === 'message' && item.role === 'user') patience.words();
    });
    session.on(Happened.Error, ({ error }) => {
      const isOfReply = error.type === 'llm_error' || error.type === 'tts_error';
      if (isOfReply && !error.recoverable) patience.fails();
    });
    return patience;
  }
}

function providerFailure(detail: string): Ending {
  return { endedBy: 'system', endReason: 'provider_failure', detail, farewell: 'trouble' };
}

/** Waits for it, but not longer than `ms`. */
export async function settle(work: Promise<unknown>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise((resolve) => (timer = setTimeout(resolve, ms)));
  await Promise.race([work.catch(() => undefined), timeout]);
  clearTimeout(timer);
}
