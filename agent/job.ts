import { setTimeout as delay } from 'node:timers/promises';
import { voice } from '@livekit/agents';
import type { RemoteParticipant } from '@livekit/rtc-node';
import type { Logger } from 'pino';
import type { Reporter } from '../calls/reporter.ts';
import type { Correlation, ReportBody } from '../calls/reports.ts';
import type { Config, Line } from '../config/config.ts';
import { leaveRoom } from '../livekit/leave-room.ts';
import { CallAgent } from './call-agent.ts';
import { CallRoom } from './call-room.ts';
import { CallerSilence } from './caller-silence.ts';
import { cameByNoTrunk, chooseLine, isResumed, meetingWith, waitForAnswer } from './caller.ts';
import { reportConversation, usageOf } from './conversation-reports.ts';
import { fromFailure, isOutOfTheRoom } from './ending.ts';
import type { Ending } from './ending.ts';
import { watchPatience } from './patience.ts';
import { phrasesFor } from './phrases.ts';
import type { Phrases } from './phrases.ts';
import type { Providers } from './providers.ts';
import { listenToCaller, publishVoice } from './room-audio.ts';
import type { CallerEar } from './room-audio.ts';
import { createSession } from './session.ts';
import { speechOf } from './speakable.ts';
import { asFrames, play } from './spoken-texts.ts';
import type { SpokenTexts } from './spoken-texts.ts';
import { endCallTool } from './tools.ts';

/** What the worker hands to a host for one call. */
export interface JobInfo {
  readonly id: string;
  readonly workerId: string;
  readonly room: { readonly name: string; readonly sid: string };
  readonly metadata: string;
  readonly url: string;
  readonly token: string;
}

export interface JobDependencies {
  readonly config: Config;
  readonly reporter: Reporter;
  readonly providers: Providers;
  readonly spokenTexts: SpokenTexts;
  readonly log: Logger;
}

/** A dispatch into a room that no caller ever enters is given up after this. */
const CALLER_TIMEOUT_MS = 60_000;
/** A phone that keeps ringing although the agent is there; carriers give up after 60 to 180 s. */
const ANSWER_TIMEOUT_MS = 180_000;
/** The server ends our job when the room is deleted; the room itself then says why. */
const TERMINATION_GRACE_MS = 1_000;
/** Closing a session may wait for a provider that hangs; the call's record must not. */
const CLOSE_TIMEOUT_MS = 2_000;
const FAREWELL_TIMEOUT_MS = 10_000;
const LEAVE_TIMEOUT_MS = 5_000;
/** What was said last is still on its way to the caller, through a jitter buffer at the far end. */
const LAST_WORDS_MS = 300;
/** What a caller bears before they say "Hello?". */
const REPLY_TIMEOUT_MS = 5_000;
const MAX_MISSED_REPLIES = 2;

/**
 * One call, from the agent joining the room to its last report. Resolves when all is reported;
 * never rejects. `signal` aborts the call (the server terminated the job).
 */
export function runJob(info: JobInfo, deps: JobDependencies, signal: AbortSignal): Promise<void> {
  return new Job(info, deps).run(signal);
}

class Job {
  readonly #info: JobInfo;
  readonly #deps: JobDependencies;
  readonly #log: Logger;
  readonly #room: CallRoom;
  readonly #silence: CallerSilence;
  readonly #call: Correlation;
  readonly #ended = Promise.withResolvers<Ending>();
  /** Aborted when the call is over. */
  readonly #over = new AbortController();
  #speaker: voice.ParticipantAudioOutput | undefined;
  #session: voice.AgentSession | undefined;
  #caller: RemoteParticipant | undefined;
  #ear: CallerEar | undefined;
  /** Whom the agent has greeted, or will when they answer. */
  #welcomed: RemoteParticipant | undefined;
  /** Identity of who was spoken to. */
  #greeted: string | undefined;
  #line: Line | undefined;

  constructor(info: JobInfo, deps: JobDependencies) {
    this.#info = info;
    this.#deps = deps;
    this.#log = deps.log.child({ jobId: info.id });
    this.#call = {
      roomName: info.room.name,
      roomSid: info.room.sid,
      jobId: info.id,
      workerId: info.workerId,
    };
    this.#room = new CallRoom({
      ...info.room,
      config: deps.config,
      log: this.#log,
      onLost: (ending) => this.#end(ending),
      onMoved: (sid) => (this.#call.roomSid = sid),
    });
    this.#silence = new CallerSilence(this.#room.room, this.#over.signal);
  }

  async run(signal: AbortSignal): Promise<void> {
    let terminated: NodeJS.Timeout | undefined;
    const terminate = () => {
      const ending = {
        endedBy: 'system',
        endReason: 'service_lost',
        detail: 'terminated',
      } as const;
      terminated = setTimeout(() => this.#end(ending), TERMINATION_GRACE_MS);
    };
    signal.addEventListener('abort', terminate, { once: true });
    try {
      const caller = await this.#join();
      await this.#converse(caller);
    } catch (error) {
      if (!this.#over.signal.aborted) {
        this.#log.error({ err: error }, 'the call failed');
        this.#end(fromFailure(error as Error, this.#room.room.isConnected));
      }
    }
    const ending = await this.#ended.promise;
    signal.removeEventListener('abort', terminate);
    clearTimeout(terminated);
    await this.#finish(ending);
  }

  /** The first ending is the one that counts. */
  #end(ending: Ending): void {
    this.#ended.resolve(ending);
    this.#over.abort(new Error('the call is over'));
  }

  #refuse(detail: string): void {
    this.#log.warn({ detail }, 'a call is refused');
    this.#end({ endedBy: 'system', endReason: 'rejected', detail });
  }

  #report(body: ReportBody): void {
    this.#deps.reporter.report(this.#call, body);
  }

  /** Resolves when there is somebody to talk with. */
  async #join(): Promise<RemoteParticipant> {
    const { url, token } = this.#info;
    const { signal } = this.#over;
    await this.#room.enter(url, token, signal);
    this.#speaker = publishVoice(this.#room.room, this.#log);
    const { promise, resolve, reject } = Promise.withResolvers<RemoteParticipant>();
    const limit = this.#within(CALLER_TIMEOUT_MS);
    limit.addEventListener('abort', () => reject(limit.reason as Error));
    const events = {
      onMet: (caller: RemoteParticipant) => {
        this.#meet(caller);
        resolve(caller);
        if (this.#welcomed) this.#go(this.#welcome());
      },
      onBack: (caller: RemoteParticipant) => {
        this.#meet(caller);
        this.#go(this.#resume());
      },
      onLeft: (ending: Ending) => {
        const callerSilentMs = this.#silence.read();
        this.#end({ ...ending, ...(callerSilentMs !== undefined && { callerSilentMs }) });
      },
    };
    this.#room.follow(events, signal);
    return promise;
  }

  #meet(caller: RemoteParticipant): void {
    this.#caller = caller;
    this.#ear?.turnTo(caller);
    if (caller.sid) this.#call.participantSid = caller.sid;
    const sipCallId = caller.attributes['sip.callID'];
    if (sipCallId) this.#call.sipCallId = sipCallId;
    const met = meetingWith(caller);
    if (met) this.#report({ type: 'caller.met', data: met });
    if (cameByNoTrunk(caller.attributes)) this.#refuse('it came by no trunk');
  }

  async #converse(caller: RemoteParticipant): Promise<void> {
    const { config, providers } = this.#deps;
    const line = chooseLine(config, this.#info.metadata, caller.attributes);
    if (!line) return this.#refuse('no line has the number that was dialled');
    this.#line = line;
    this.#report({
      type: 'agent.started',
      data: {
        agentName: config.agentName,
        profile: line.agent.name,
        profileVersion: line.agent.version,
        line: line.name,
        pipeline: 'cascade',
      },
    });
    const session = createSession(line, providers);
    this.#session = session;
    reportConversation(session, (body) => this.#report(body));
    session.on(voice.AgentSessionEventTypes.Close, ({ error }) => {
      if (error) this.#end(providerFailure(error.type));
    });
    this.#ear = listenToCaller(this.#room.room, this.#log);
    this.#ear.turnTo(this.#caller ?? caller);
    session.input.audio = this.#ear.audio;
    session.output.audio = this.#speaker as voice.ParticipantAudioOutput;
    session.output.audio.once(voice.AudioOutput.EVENT_PLAYBACK_STARTED, () =>
      this.#report({ type: 'agent.first_audio', data: {} }),
    );
    const hangUp = () => this.#end({ endedBy: 'agent', endReason: 'agent_hangup' });
    await session.start({ agent: new CallAgent(line, [endCallTool(hangUp)]), record: false });
    await this.#welcome();
    await this.#ended.promise;
  }

  /** When the caller has answered; again when a telephone takes the place of a browser. */
  async #welcome(): Promise<void> {
    const [caller, session, line] = [this.#caller, this.#session, this.#line];
    if (!caller || !session || !line) return;
    const isFirst = this.#welcomed === undefined;
    this.#welcomed = caller;
    if (!isFirst) session.interrupt();
    await waitForAnswer(this.#room.room, caller, this.#within(ANSWER_TIMEOUT_MS));
    this.#silence.begin();
    if (isFirst) this.#watch(session, line);
    if (caller !== this.#welcomed) return;
    const { metadata, id } = this.#info;
    const { attributes } = this.#caller ?? caller;
    if (isResumed(metadata, attributes)) await this.#sayResumed(session, line);
    else await this.#greet(session, line);
    this.#greeted = caller.identity;
    void this.#room.markGreeted(caller, id);
  }

  /** We have not heard each other for a while. */
  async #resume(): Promise<void> {
    this.#silence.begin();
    const [session, line] = [this.#session, this.#line];
    const caller = this.#caller;
    if (!session || !line || !caller || caller.identity !== this.#greeted) return;
    session.interrupt();
    await this.#room.isOurs();
    if (this.#over.signal.aborted) return;
    // What livekit-sip's participant had of attributes is gone.
    void this.#room.markGreeted(caller, this.#info.id);
    await this.#sayResumed(session, line);
  }

  #sayResumed(session: voice.AgentSession, line: Line): Promise<void> {
    return this.#say(session, phrasesFor(line.language).resumed);
  }

  async #greet(session: voice.AgentSession, line: Line): Promise<void> {
    const { greeting } = line.agent;
    if ('text' in greeting) {
      return this.#say(session, await speechOf(greeting.text, line.language));
    }
    const recording = await this.#deps.spokenTexts.recording(greeting.wav);
    session.say('(the recorded greeting)', { audio: asFrames(recording) });
  }

  /** A text that is the same in every call: its audio is there already, whatever the TTS does. */
  async #say(session: voice.AgentSession, text: string): Promise<void> {
    try {
      const samples = await this.#deps.spokenTexts.samples((this.#line as Line).agent, text);
      if (!this.#over.signal.aborted) session.say(text, { audio: asFrames(samples) });
    } catch (error) {
      this.#log.warn({ err: error }, 'a fixed text cannot be synthesised');
      this.#end(providerFailure('tts_error'));
    }
  }

  /** Nobody is left in silence, and no call lasts for ever. */
  #watch(session: voice.AgentSession, line: Line): void {
    const { signal } = this.#over;
    const { maxDurationSeconds, idleSeconds } = line.agent.limits;
    const phrases = phrasesFor(line.language);
    const tooLong = setTimeout(
      () => this.#end({ endedBy: 'system', endReason: 'max_duration', farewell: 'goodbye' }),
      maxDurationSeconds * 1000,
    );
    signal.addEventListener('abort', () => clearTimeout(tooLong), { once: true });
    const options = {
      replyTimeoutMs: REPLY_TIMEOUT_MS,
      maxMissed: MAX_MISSED_REPLIES,
      onMissed: () => {
        session.interrupt();
        void this.#say(session, phrases.repeat);
      },
      onGivenUp: () => this.#end(providerFailure('no reply')),
      idleMs: idleSeconds * 1000,
      onSilence: (times: number) => {
        if (times === 1) void this.#say(session, phrases.stillThere);
        else this.#end({ endedBy: 'agent', endReason: 'idle', farewell: 'goodbye' });
      },
    };
    watchPatience(session, options, signal);
  }

  /** What must be known is reported before anything that may hang or be killed. */
  async #finish(ending: Ending): Promise<void> {
    const { farewell, ...reported } = ending;
    if (this.#session && this.#line) {
      await settle(this.#session.close(), CLOSE_TIMEOUT_MS); // its last turn is reported by this
      this.#report({ type: 'usage', data: { models: usageOf(this.#session, this.#line.agent) } });
    }
    if (farewell && this.#room.room.isConnected) await this.#bid(farewell);
    this.#report({ type: 'agent.ended', data: reported });
    this.#log.info(reported, 'the call ended');
    await settle(this.#leave(ending), LEAVE_TIMEOUT_MS);
  }

  async #bid(farewell: keyof Phrases): Promise<void> {
    const { spokenTexts } = this.#deps;
    if (!this.#line || !this.#speaker || !this.#caller) return;
    try {
      // What is said before the phone is answered nobody hears.
      await waitForAnswer(this.#room.room, this.#caller, AbortSignal.timeout(FAREWELL_TIMEOUT_MS));
      const text = phrasesFor(this.#line.language)[farewell];
      const samples = await spokenTexts.samples(this.#line.agent, text);
      await play(samples, this.#speaker, FAREWELL_TIMEOUT_MS);
    } catch (error) {
      this.#log.warn({ err: error }, 'the caller is released without a word');
    }
  }

  /** Frees everything. The room goes too, which hangs up the phone, when the caller is in it yet. */
  async #leave(ending: Ending): Promise<void> {
    if (ending.farewell || ending.endedBy === 'agent') await delay(LAST_WORDS_MS);
    if (!isOutOfTheRoom(ending)) await this.#room.hangUp(this.#caller);
    await Promise.allSettled([
      leaveRoom(this.#room.room),
      this.#session?.stt?.close(),
      this.#session?.tts?.close(),
    ]);
    await this.#speaker?.close();
  }

  /** For what runs beside the conversation: its failure ends the call. */
  #go(work: Promise<void>): void {
    void work.catch((error: Error) => {
      if (!this.#over.signal.aborted) this.#end(fromFailure(error, this.#room.room.isConnected));
    });
  }

  #within(ms: number): AbortSignal {
    return AbortSignal.any([this.#over.signal, AbortSignal.timeout(ms)]);
  }
}

function providerFailure(detail: string): Ending {
  return { endedBy: 'system', endReason: 'provider_failure', detail, farewell: 'trouble' };
}

/** Waits for it, but not longer than `ms`. */
async function settle(work: Promise<unknown>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise((resolve) => (timer = setTimeout(resolve, ms)));
  await Promise.race([work.catch(() => undefined), timeout]);
  clearTimeout(timer);
}
