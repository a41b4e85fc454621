import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import type { LimitFunction } from 'p-limit';
import type { Logger } from 'pino';
import type { IncomingInviteRequest } from 'sip.js/lib/core/index.js';
import type { Reporter } from '../../../reporting/reporter.ts';
import type { Correlation, EndedBy, EndReason, ReportBody } from '../../../calls/reports.ts';
import type { Config } from '../../../config/config.ts';
import { apologyFor, play } from './apology.ts';
import type { CallIdentity } from './call-identity.ts';
import type { LegClosed, OpenLeg } from './call-leg.ts';
import { CallMedia } from '../media/call-media.ts';
import { CallRoom } from './call-room.ts';
import { Dialog } from '../signalling/dialog.ts';
import type { Reach } from '../signalling/dialog.ts';
import type { Flow } from '../signalling/flow.ts';
import type { LastWordsStore } from '../signalling/last-words.ts';
import { readInfoDtmf, writeInfoDtmf } from '../signalling/info-dtmf.ts';
import type { SipRequest } from '../signalling/request.ts';
import type { PortPool } from '../media/port-pool.ts';
import type { Agreed, Incompatible } from '../media/sdp.ts';
import type { UserAgent } from '../signalling/user-agent.ts';

/** What the agent said last is still on its way to the caller when the room goes. */
const LINGER_MS = 200;
/** Longer than this nobody waits for the ACK to speak: it may be lost. */
const ACK_WAIT_MS = 1_000;
const DTMF_MS = 160;
/** From the INVITE to the 200 it is half a second on an idle machine, more when others come too. */
const TURN_MS = 2_000;
/** Seconds, when all is full: a call lasts minutes, but one may end any moment. */
const RETRY_AFTER = 'Retry-After: 5';

/** What all calls of an endpoint share. */
export interface CallDependencies {
  readonly config: Pick<Config, 'livekit' | 'agentName' | 'sip'>;
  readonly userAgent: UserAgent;
  readonly reach: Reach;
  readonly ports: PortPool;
  /** Of being set up: each costs the machine as much as ten calls that run. */
  readonly turns: LimitFunction;
  readonly openLeg: OpenLeg;
  readonly lastWords: LastWordsStore;
  readonly reporter: Pick<Reporter, 'report'>;
  readonly log: Logger;
}

export interface CallOptions extends CallDependencies {
  readonly request: IncomingInviteRequest;
  /** The same, as it was read. */
  readonly invite: SipRequest;
  readonly flow: Flow;
  readonly identity: CallIdentity;
  /** Undefined: the INVITE carried none, and our 200 makes the offer. */
  readonly offer: Agreed | undefined;
  /** Whether there is room for one more call, here and at the worker. */
  readonly hasRoom: () => Promise<boolean>;
  /** Once, when nothing of the call is left. */
  readonly onEnded: (ending: Ending) => void;
}

export interface Ending {
  readonly endedBy: EndedBy;
  readonly endReason: EndReason;
  /** What the INVITE is refused with where it was not answered yet; default 480. */
  readonly sipCode?: number;
}

/**
 *     ringing -> answered -> ended
 *        \           \---> apologising -> ended
 *         \---------------------^ (no agent)
 */
type State = 'ringing' | 'answered' | 'apologising' | 'ended';

/**
 * One caller: SIP dialog on one side, a participant in a room on the other. Whatever fails, the
 * caller is answered, spoken to or refused, and never left ringing or in silence.
 */
export class Call {
  readonly #options: CallOptions;
  readonly #log: Logger;
  readonly #dialog: Dialog;
  readonly #abort = new AbortController();
  readonly #acknowledged = new AbortController();
  /** It rings no more. */
  readonly #settled = new AbortController();
  readonly startedAt = new Date();
  #state: State = 'ringing';
  readonly #room: CallRoom;
  #media: CallMedia | undefined;
  #correlation: Correlation;
  #answering = false;
  #held = false;
  /** Why an apology is being spoken; the caller's hang-up in the midst of it changes nothing. */
  #apology: Ending | undefined;
  /** As it is noted. */
  #goodbye = '';
  /** Of ringing, then of the whole call. */
  #limit: NodeJS.Timeout | undefined;

  constructor(options: CallOptions) {
    const { identity, log } = options;
    this.#options = options;
    this.#log = log.child({ sipCallId: identity.sipCallId, room: identity.roomName });
    this.#correlation = { sipCallId: identity.sipCallId, roomName: identity.roomName };
    this.#dialog = new Dialog(
      { ...options, log: this.#log },
      {
        onCancel: () => {
          this.#end({ endedBy: 'caller', endReason: 'cancelled', sipCode: 487 });
        },
        onBye: () => this.#onBye(),
        onAck: (answer) => this.#onAck(answer),
        onAckTimeout: () => this.#end({ endedBy: 'carrier', endReason: 'trunk_failure' }),
        onReinvite: (offer) => this.#onReinvite(offer),
        onInfo: (type, body) => this.#onInfo(type, body),
      },
    );
    void this.#dialog.over.then(() => options.lastWords.remove(identity.sipCallId));
    const { livekit, agentName } = options.config;
    this.#room = new CallRoom(
      options.openLeg,
      { ...identity, livekit, agentName, log: this.#log },
      {
        onAgentReady: () => this.#settle(this.#answer(), 'call could not be answered'),
        onAudio: (pcm) => {
          if (this.#state === 'answered') this.#media?.send(pcm);
        },
        onDtmf: (digit) => this.#sendDtmf(digit),
        onAgentLost: () => {
          if (this.#state === 'answered') this.#apologise('agent_lost', AGENT_LOST);
        },
        onClosed: (reason) => this.#onRoomClosed(reason),
      },
    );
  }

  get identity(): CallIdentity {
    return this.#options.identity;
  }

  /** When its caller knows that it has ended. */
  get over(): Promise<unknown> {
    return this.#dialog.over;
  }

  get state(): State {
    return this.#state;
  }

  /** Rings at once, or refuses when all is full, and sees to all the rest. */
  start(): void {
    const { identity, flow, request, config } = this.#options;
    const userAgent = request.message.getHeader('user-agent');
    const { from, to, sipCallIdFull } = identity;
    const line = identity.line.name;
    this.#log.info({ from, to, line }, 'call comes in');
    this.#report({
      type: 'leg.invited',
      data: {
        from,
        ...(to !== undefined && { to }),
        line,
        trunk: config.sip.trunk.name,
        sipCallIdFull,
        remoteAddress: flow.remoteAddress,
        ...(userAgent !== undefined && { userAgent }),
      },
    });
    this.#settle(this.#begin(), 'call could not be begun');
  }

  async #begin(): Promise<void> {
    const hasRoom = await this.#options.hasRoom();
    if (this.#state !== 'ringing') return;
    if (!hasRoom) {
      this.#end(BUSY);
      return;
    }
    this.#dialog.ring();
    this.#note();
    await this.#options.turns(() => this.#setUp());
  }

  /** Until it is answered, or will not be; one that takes long is stuck and keeps nobody waiting. */
  async #setUp(): Promise<void> {
    if (this.#state !== 'ringing') return;
    // Who waits for their turn is not without an agent yet.
    this.#limit = setTimeout(() => {
      this.#apologise('no_agent', NO_AGENT);
    }, this.#options.config.sip.answerTimeoutMs);
    const limit = delay(TURN_MS, undefined, { signal: this.#settled.signal, ref: false });
    void this.#enterRoom();
    await limit.catch(() => undefined);
  }

  /** Ends it from our side, because the service stops: BYE, or 503 where it still rings. */
  hangUp(): void {
    this.#end(SERVICE_LOST);
  }

  // ---- the room

  async #enterRoom(): Promise<void> {
    try {
      const sids = await this.#room.enter();
      if (!sids) return;
      const { roomSid, participantSid } = sids;
      this.#correlation = { ...this.#correlation, roomSid, participantSid };
    } catch (error) {
      this.#log.error({ err: error }, 'room could not be entered');
      // Only who still hears the ringing: an apology says it better.
      if (this.#state === 'ringing') this.#end(SERVICE_LOST);
    }
  }

  #onRoomClosed(reason: LegClosed): void {
    const ending = ENDINGS[reason];
    if (this.#state === 'ringing') {
      this.#end(ending);
    } else if (this.#state === 'answered' && reason === 'connection_lost') {
      this.#apologise('agent_lost', ending);
    } else if (this.#state === 'answered') {
      setTimeout(() => this.#end(ending), LINGER_MS + (this.#media?.backlogMs ?? 0));
    }
  }

  // ---- the caller

  /** The agent can be heard: 200. */
  async #answer(): Promise<void> {
    if (this.#state !== 'ringing' || this.#answering) return;
    if (!(await this.#accept('answered'))) return;
    if (this.#options.offer) this.#goLive();
  }

  /** Sends 200 with our SDP; false when it could not, and the call is over. */
  async #accept(state: 'answered' | 'apologising'): Promise<boolean> {
    this.#answering = true;
    const { flow, ports, config, offer } = this.#options;
    let media: CallMedia;
    try {
      media = await CallMedia.open({
        host: config.sip.host,
        address: flow.localAddress,
        signallingAddress: flow.remoteAddress,
        ports,
        codecs: config.sip.trunk.codecs,
        mediaTimeoutMs: config.sip.mediaTimeoutMs,
        log: this.#log,
        onAudio: (pcm) => this.#room.write(pcm),
        onDtmf: (digit) => this.#onDtmf(digit),
        onTimeout: () => this.#end({ endedBy: 'carrier', endReason: 'media_timeout' }),
      });
    } catch (error) {
      this.#log.error({ err: error }, 'no RTP port for the call');
      this.#end(BUSY);
      return false;
    }
    // A CANCEL may have come while the port was bound.
    if (this.#state !== 'ringing') {
      await media.close();
      return false;
    }
    clearTimeout(this.#limit);
    const { maxCallMs } = config.sip.trunk;
    if (maxCallMs !== undefined) this.#limit = setTimeout(() => this.#end(TOO_LONG), maxCallMs);
    this.#state = state;
    this.#settled.abort();
    this.#media = media;
    this.#dialog.answer(offer ? media.answer(offer) : media.offer());
    this.#note();
    return true;
  }

  /** Offer and answer are through: tell the room and the call service. */
  #goLive(): void {
    const negotiated = this.#media?.negotiated;
    if (this.#state !== 'answered' || !negotiated) return;
    const { codec, ptime, dtmfPayloadType } = negotiated;
    this.#log.info({ codec, ptime }, 'call is answered');
    void this.#announce();
    this.#report({
      type: 'leg.answered',
      data: { codec, ptime, dtmf: dtmfPayloadType === undefined ? 'none' : 'rfc4733' },
    });
  }

  /** An agent that does not learn of the answer never greets: better an apology than silence. */
  async #announce(): Promise<void> {
    await this.#listening();
    if (this.#state !== 'answered') return;
    try {
      await this.#room.setActive();
    } catch (error) {
      this.#log.error({ err: error }, 'room was not told of the answer');
      if (this.#state === 'answered') this.#apologise('agent_lost', SERVICE_LOST);
    }
  }

  #onAck(answer: string): void {
    const isLate = !this.#options.offer && !this.#acknowledged.signal.aborted;
    this.#acknowledged.abort();
    if ((isLate || answer !== '') && this.#media && !this.#media.accept(answer)) {
      this.#log.warn('the answer in the ACK is none we can do');
      this.#end({ endedBy: 'carrier', endReason: 'trunk_failure' });
      return;
    }
    if (isLate) this.#goLive();
    this.#noteHold();
    // A re-INVITE may have changed where requests of ours go.
    this.#note();
  }

  #onBye(): void {
    this.#end(this.#apology ?? { endedBy: 'caller', endReason: 'caller_hangup' });
  }

  #onReinvite(offer: string): string | Incompatible | undefined {
    if (!this.#media) return undefined;
    if (offer === '') return this.#media.offer();
    const answer = this.#media.renegotiate(offer);
    if (typeof answer === 'string') this.#noteHold();
    return answer;
  }

  #noteHold(): void {
    const held = this.#media?.isHeld ?? false;
    if (held === this.#held || this.#state !== 'answered') return;
    this.#held = held;
    this.#log.info(held ? 'caller holds' : 'caller is back');
    this.#report({ type: held ? 'leg.held' : 'leg.resumed', data: {} });
  }

  #onInfo(type: string, body: string): void {
    const digit = readInfoDtmf(type, body);
    if (digit !== undefined) this.#onDtmf(digit);
  }

  #onDtmf(digit: string): void {
    if (this.#state !== 'answered') return;
    this.#room.sendDtmf(digit);
    const { recordDigits } = this.#options.identity.line;
    this.#report({ type: 'leg.dtmf', data: recordDigits ? { digit } : {} });
  }

  #sendDtmf(digit: string): void {
    if (this.#state !== 'answered' || this.#media?.sendDtmf(digit)) return;
    const info = this.#dialog.info('application/dtmf-relay', writeInfoDtmf(digit, DTMF_MS));
    this.#settle(info, 'digit could not be sent');
  }

  // ---- the end

  #apologise(reason: 'no_agent' | 'agent_lost', ending: Ending): void {
    // The agent has come at the very last moment.
    if (this.#answering && this.#state === 'ringing') return;
    this.#apology = ending;
    this.#settle(this.#speakApology(reason, ending), 'apology could not be spoken');
  }

  async #speakApology(reason: 'no_agent' | 'agent_lost', ending: Ending): Promise<void> {
    this.#log.warn({ reason }, 'no agent for the caller, apologising');
    if (this.#state === 'ringing' && !(await this.#accept('apologising'))) return;
    this.#state = 'apologising';
    this.#report({ type: 'leg.fallback', data: { reason, action: 'apology' } });
    // An agent that came now would talk into the apology.
    void this.#room.leave(true);
    await this.#listening();
    const pcm = apologyFor(this.#options.identity.line.language);
    await play(pcm, (frame) => this.#media?.send(frame), this.#abort.signal);
    this.#end(ending);
  }

  /** Until the caller's ACK says that it has our 200: what comes before may go unheard. */
  async #listening(): Promise<void> {
    const acknowledged = this.#acknowledged.signal;
    if (acknowledged.aborted) return;
    await Promise.race([
      once(acknowledged, 'abort'),
      delay(ACK_WAIT_MS, undefined, { signal: this.#abort.signal, ref: false }),
    ]).catch(() => undefined);
  }

  #end(ending: Ending): void {
    if (this.#state === 'ended') return;
    const wasAnswered = this.#state === 'answered';
    this.#state = 'ended';
    this.#settled.abort();
    clearTimeout(this.#limit);
    this.#abort.abort();
    // Each does nothing where the dialog is past it.
    const { endedBy, endReason, sipCode: refusal = 480 } = ending;
    const sipCode = this.#dialog.reject(refusal, refusal === 503 ? [RETRY_AFTER] : [])
      ? refusal
      : undefined;
    this.#dialog.bye();
    const media = this.#media?.stats();
    this.#log.info({ endedBy, endReason, sipCode, media }, 'call has ended');
    this.#report({
      type: 'leg.ended',
      data: { endedBy, endReason, ...(sipCode && { sipCode }), ...(media && { media }) },
    });
    if (this.#media) this.#settle(this.#media.close(), 'RTP could not be closed');
    // After a call the agent finishes and leaves by itself; before one there is nothing to keep.
    void this.#room.leave(!wasAnswered);
    this.#options.onEnded(ending);
  }

  /** For the next process, should this one be killed. */
  #note(): void {
    const { lastWords } = this.#options;
    const { sipCallId, roomName, identity } = this.identity;
    const { roomSid = '' } = this.#correlation;
    try {
      const goodbye = this.#dialog.goodbye();
      if (!goodbye || goodbye.text === this.#goodbye) return;
      this.#goodbye = goodbye.text;
      lastWords.write(sipCallId, { sipCallId, roomName, roomSid, identity, ...goodbye });
    } catch (error) {
      this.#log.error({ err: error }, 'no goodbye can be written for the call');
    }
  }

  #report(body: ReportBody): void {
    this.#options.reporter.report(this.#correlation, body);
  }

  /** For what runs on its own: its failure is logged, and the call goes on. */
  #settle(work: Promise<unknown> | undefined, failure: string): void {
    void work?.catch((error: unknown) => this.#log.error({ err: error }, failure));
  }
}

const NO_AGENT: Ending = { endedBy: 'system', endReason: 'no_agent' };
const AGENT_LOST: Ending = { endedBy: 'system', endReason: 'agent_lost' };
const SERVICE_LOST: Ending = { endedBy: 'system', endReason: 'service_lost', sipCode: 503 };
const TOO_LONG: Ending = { endedBy: 'system', endReason: 'max_duration' };
const BUSY: Ending = { endedBy: 'system', endReason: 'busy', sipCode: 503 };

const ENDINGS: Readonly<Record<LegClosed, Ending>> = {
  // By the agent's hang-up as a rule; the agent's own report says more.
  room_deleted: { endedBy: 'system', endReason: 'room_deleted' },
  participant_removed: { endedBy: 'operator', endReason: 'operator_hangup' },
  connection_lost: SERVICE_LOST,
};
