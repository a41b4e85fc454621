import { setTimeout as delay } from 'node:timers/promises';
import { voice } from '@livekit/agents';
import { DisconnectReason, Room, RoomEvent } from '@livekit/rtc-node';
import type { RemoteParticipant } from '@livekit/rtc-node';
import { RoomServiceClient, TwirpError } from 'livekit-server-sdk';
import type { Logger } from 'pino';
import type { Reporter } from '../calls/reporter.ts';
import type { Correlation, ReportBody } from '../calls/reports.ts';
import type { Config, Line } from '../config/config.ts';
import { leaveRoom } from '../livekit/leave-room.ts';
import { CallAgent } from './call-agent.ts';
import {
  callStatus,
  cameByNoTrunk,
  chooseLine,
  isResumed,
  meetingWith,
  waitForAnswer,
  waitForCaller,
  watchForVanishing,
} from './caller.ts';
import { reportConversation, usageOf } from './conversation-reports.ts';
import { fromCallerLeft, fromFailure, fromRoomDisconnect } from './ending.ts';
import type { Ending } from './ending.ts';
import { watchPatience } from './patience.ts';
import { phrasesFor } from './phrases.ts';
import type { Phrases } from './phrases.ts';
import type { Providers } from './providers.ts';
import { listenToCaller, publishVoice } from './room-audio.ts';
import { createSession } from './session.ts';
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
  readonly #room = new Room();
  readonly #call: Correlation;
  readonly #ended = Promise.withResolvers<Ending>();
  /** Aborted when the call is over. */
  readonly #over = new AbortController();
  #speaker: voice.ParticipantAudioOutput | undefined;
  #session: voice.AgentSession | undefined;
  #caller: RemoteParticipant | undefined;
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
        this.#end(fromFailure(error as Error, this.#room.isConnected));
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

  async #join(): Promise<RemoteParticipant> {
    const { url, token } = this.#info;
    this.#room.on(RoomEvent.Disconnected, (reason) => this.#end(fromRoomDisconnect(reason)));
    await this.#room.connect(url, token, { autoSubscribe: true, dynacast: false });
    this.#speaker = publishVoice(this.#room, this.#log);
    void this.#checkRoom();
    const caller = await waitForCaller(this.#room, this.#within(CALLER_TIMEOUT_MS));
    this.#caller = caller;
    if (caller.sid) this.#call.participantSid = caller.sid;
    const sipCallId = caller.attributes['sip.callID'];
    if (sipCallId) this.#call.sipCallId = sipCallId;
    const met = meetingWith(caller);
    if (met) this.#report({ type: 'caller.met', data: met });
    this.#room.on(RoomEvent.ParticipantDisconnected, (gone) => {
      if (gone.identity !== caller.identity) return;
      this.#end(fromCallerLeft(gone.disconnectReason, callStatus(gone)));
    });
    watchForVanishing(this.#room, caller, this.#over.signal, () =>
      this.#end({ endedBy: 'carrier', endReason: 'media_timeout', detail: 'BYE unanswered' }),
    );
    return caller;
  }

  /**
   * The room may have been deleted while we were on our way; connecting, which is tried again and
   * again, has then made a new one that nobody will ever enter.
   */
  async #checkRoom(): Promise<void> {
    const sid = await this.#room.getSid().catch(() => '');
    if (sid === '' || sid === this.#info.room.sid) return;
    this.#end(fromRoomDisconnect(DisconnectReason.ROOM_DELETED));
  }

  async #converse(caller: RemoteParticipant): Promise<void> {
    const { config, providers } = this.#deps;
    const line = chooseLine(config, this.#info.metadata, caller.attributes);
    if (cameByNoTrunk(caller.attributes)) return this.#refuse('it came by no trunk');
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
    session.input.audio = listenToCaller(this.#room, caller, this.#log);
    session.output.audio = this.#speaker as voice.ParticipantAudioOutput;
    session.output.audio.once(voice.AudioOutput.EVENT_PLAYBACK_STARTED, () =>
      this.#report({ type: 'agent.first_audio', data: {} }),
    );
    const hangUp = () => this.#end({ endedBy: 'agent', endReason: 'agent_hangup' });
    await session.start({ agent: new CallAgent(line, [endCallTool(hangUp)]), record: false });
    await waitForAnswer(this.#room, caller, this.#within(ANSWER_TIMEOUT_MS));
    this.#watch(session, line);
    await this.#greet(session, line);
    await this.#ended.promise;
  }

  async #greet(session: voice.AgentSession, line: Line): Promise<void> {
    if (isResumed(this.#info.metadata)) {
      return this.#say(session, phrasesFor(line.language).resumed);
    }
    const { greeting } = line.agent;
    if ('text' in greeting) return this.#say(session, greeting.text);
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
    if (farewell && this.#room.isConnected) await this.#bid(farewell);
    this.#report({ type: 'agent.ended', data: reported });
    this.#log.info(reported, 'the call ended');
    await settle(this.#leave(ending), LEAVE_TIMEOUT_MS);
  }

  async #bid(farewell: keyof Phrases): Promise<void> {
    const { spokenTexts } = this.#deps;
    if (!this.#line || !this.#speaker || !this.#caller) return;
    try {
      // What is said before the phone is answered nobody hears.
      await waitForAnswer(this.#room, this.#caller, AbortSignal.timeout(FAREWELL_TIMEOUT_MS));
      const text = phrasesFor(this.#line.language)[farewell];
      const samples = await spokenTexts.samples(this.#line.agent, text);
      await play(samples, this.#speaker, FAREWELL_TIMEOUT_MS);
    } catch (error) {
      this.#log.warn({ err: error }, 'the caller is released without a word');
    }
  }

  /** Frees everything. The room goes too, which hangs up the phone, when the caller is in it yet. */
  async #leave(ending: Ending): Promise<void> {
    const { url, apiKey, apiSecret } = this.#deps.config.livekit;
    const { name } = this.#info.room;
    if (ending.farewell || ending.endedBy === 'agent') await delay(LAST_WORDS_MS);
    if (ending.endReason !== 'room_deleted' && ending.endReason !== 'service_lost') {
      const rooms = new RoomServiceClient(url.replace(/^ws/, 'http'), apiKey, apiSecret);
      await rooms.deleteRoom(name).catch((error: unknown) => {
        // It closes by itself when the last one leaves.
        const isGone = error instanceof TwirpError && error.status === 404;
        this.#log[isGone ? 'debug' : 'warn']({ err: error }, 'the room cannot be deleted');
      });
    }
    await Promise.allSettled([
      leaveRoom(this.#room),
      this.#session?.stt?.close(),
      this.#session?.tts?.close(),
    ]);
    await this.#speaker?.close();
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
