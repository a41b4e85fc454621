import { setTimeout as delay } from 'node:timers/promises';
import type { RemoteParticipant } from '@livekit/rtc-node';
import type { Logger } from 'pino';
import type { ActivityNotes } from '../../calls/activity.ts';
import type { Reporter } from '../../reporting/reporter.ts';
import type { Correlation, ReportBody } from '../../calls/reports.ts';
import type { AgentConfig } from '../agent-config.ts';
import { leaveRoom } from '../../livekit/leave-room.ts';
import { CallRoom } from './call-room.ts';
import { CallerSilence } from '../audio/caller-silence.ts';
import { cameByNoTrunk, chooseLine, isResumed, meetingWith, waitForAnswer } from './caller.ts';
import { Conversation, settle } from './conversation.ts';
import { fromFailure, isOutOfTheRoom } from './ending.ts';
import type { Ending } from './ending.ts';
import { reportKeys } from './report-keys.ts';
import type { Phrases } from '../speech/phrases.ts';
import type { Providers } from '../speech/providers.ts';
import { listenToCaller, publishVoice } from '../audio/room-audio.ts';
import type { CallerEar } from '../audio/room-audio.ts';
import type { Speaker } from '../audio/speaker.ts';
import type { SpokenTexts } from '../speech/spoken-texts.ts';

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
  readonly config: AgentConfig;
  readonly reporter: Reporter;
  readonly tellActivity: (notes: ActivityNotes) => void;
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
/** An answer that comes later than this is nobody's. */
const FAREWELL_TIMEOUT_MS = 10_000;
/** For what still starts when the caller has hung up. */
const TALK_END_TIMEOUT_MS = 5_000;
const LEAVE_TIMEOUT_MS = 5_000;
/** What was said last is still on its way to the caller, through a jitter buffer at the far end. */
const LAST_WORDS_MS = 300;

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
  #speaker: Speaker | undefined;
  #conversation: Conversation | undefined;
  #caller: RemoteParticipant | undefined;
  #ear: CallerEar | undefined;
  /** Whom the agent has greeted, or will when they answer. */
  #welcomed: RemoteParticipant | undefined;
  /** Identity of who was spoken to. */
  #greeted: string | undefined;

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
    this.#silence = new CallerSilence(this.#room.room, this.#over.signal, (ms) => {
      const message = `no audio has come from the caller for ${Math.round(ms / 1000)} s`;
      this.#report({
        type: 'agent.error',
        data: { component: 'room', message, recoverable: true },
      });
    });
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
    const talking = this.#talk();
    const ending = await this.#ended.promise;
    // A provider that hangs when the call is over costs no slot.
    await settle(talking, TALK_END_TIMEOUT_MS);
    signal.removeEventListener('abort', terminate);
    clearTimeout(terminated);
    await this.#finish(ending);
  }

  async #talk(): Promise<void> {
    try {
      const caller = await this.#join();
      if (!this.#over.signal.aborted) await this.#converse(caller);
    } catch (error) {
      if (this.#over.signal.aborted) return;
      this.#log.error({ err: error }, 'the call failed');
      this.#end(fromFailure(error as Error, this.#room.room.isConnected));
    }
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
    this.#speaker = publishVoice(this.#room.room, this.#log, () => this.#end(VOICELESS));
    const { promise, resolve, reject } = Promise.withResolvers<RemoteParticipant>();
    const limit = this.#within(CALLER_TIMEOUT_MS);
    // The room may have been lost just now, and what is aborted already tells nobody.
    limit.throwIfAborted();
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
    const { config, providers, spokenTexts } = this.#deps;
    const line = chooseLine(config, this.#info.metadata, caller.attributes);
    if (!line) return this.#refuse('no line has the number that was dialled');
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
    this.#ear = listenToCaller(this.#room.room, this.#log);
    this.#ear.turnTo(this.#caller ?? caller);
    this.#conversation = new Conversation({
      line,
      providers,
      spokenTexts,
      speaker: this.#speaker as Speaker,
      audio: this.#ear.audio,
      log: this.#log,
      report: (body) => this.#report(body),
      tell: (activity) => this.#deps.tellActivity({ notes: [{ jobId: this.#info.id, activity }] }),
      end: (ending) => this.#end(ending),
      signal: this.#over.signal,
    });
    reportKeys(
      this.#room.room,
      () => this.#caller,
      line,
      (body) => this.#report(body),
    );
    await this.#conversation.start();
    await this.#welcome();
    await this.#ended.promise;
  }

  /** When the caller has answered; again when a telephone takes the place of a browser. */
  async #welcome(): Promise<void> {
    const [caller, conversation] = [this.#caller, this.#conversation];
    if (!caller || !conversation) return;
    const isFirst = this.#welcomed === undefined;
    this.#welcomed = caller;
    if (!isFirst) conversation.interrupt();
    await waitForAnswer(this.#room.room, caller, this.#within(ANSWER_TIMEOUT_MS));
    this.#silence.begin();
    if (isFirst) conversation.begin();
    if (caller !== this.#welcomed) return;
    const { metadata, id } = this.#info;
    const { attributes } = this.#caller ?? caller;
    if (isResumed(metadata, attributes)) await conversation.resume();
    else await conversation.greet();
    this.#greeted = caller.identity;
    void this.#room.markGreeted(caller, id);
  }

  /** We have not heard each other for a while. */
  async #resume(): Promise<void> {
    this.#silence.begin();
    const [caller, conversation] = [this.#caller, this.#conversation];
    if (!caller || !conversation || caller.identity !== this.#greeted) return;
    conversation.interrupt();
    await this.#room.isOurs();
    if (this.#over.signal.aborted) return;
    // What livekit-sip's participant had of attributes is gone.
    void this.#room.markGreeted(caller, this.#info.id);
    await conversation.resume();
  }

  /** What must be known is reported before anything that may hang or be killed. */
  async #finish(ending: Ending): Promise<void> {
    const { farewell, ...reported } = ending;
    await this.#conversation?.close();
    if (farewell && this.#room.room.isConnected) await this.#bid(farewell);
    this.#report({ type: 'agent.ended', data: reported });
    this.#log.info(reported, 'the call ended');
    await settle(this.#leave(ending), LEAVE_TIMEOUT_MS);
  }

  async #bid(farewell: keyof Phrases): Promise<void> {
    if (!this.#conversation || !this.#caller) return;
    try {
      // What is said before the phone is answered nobody hears.
      await waitForAnswer(this.#room.room, this.#caller, AbortSignal.timeout(FAREWELL_TIMEOUT_MS));
      await this.#conversation.bid(farewell);
    } catch (error) {
      this.#log.warn({ err: error }, 'the caller is released without a word');
    }
  }

  /** Frees everything. The room goes too, which hangs up the phone, when the caller is in it yet. */
  async #leave(ending: Ending): Promise<void> {
    if (ending.farewell || ending.endedBy === 'agent') await delay(LAST_WORDS_MS);
    if (!isOutOfTheRoom(ending)) await this.#room.hangUp(this.#caller);
    await Promise.allSettled([leaveRoom(this.#room.room), this.#conversation?.release()]);
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

/** Another agent may be heard. */
const VOICELESS: Ending = {
  endedBy: 'system',
  endReason: 'agent_lost',
  detail: 'its voice cannot be published',
};
