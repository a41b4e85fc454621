import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { SessionDescription } from 'sdp-transform';
import type { IncomingInviteRequest } from 'sip.js/lib/core/index.js';
import type { Reporter } from '../../calls/reporter.ts';
import type { Correlation, EndedBy, EndReason, ReportBody } from '../../calls/reports.ts';
import type { Config } from '../../config/config.ts';
import { apologyFor, play } from './apology.ts';
import type { CallIdentity } from './call-identity.ts';
import type { CallLeg, LegClosed, OpenLeg } from './call-leg.ts';
import { CallMedia } from './call-media.ts';
import { Dialog } from './dialog.ts';
import type { Reach } from './dialog.ts';
import type { Flow } from './flow.ts';
import { readInfoDtmf, writeInfoDtmf } from './info-dtmf.ts';
import type { PortPool } from './rtp/port-pool.ts';
import { parseSdp } from './sdp.ts';
import type { UserAgent } from './user-agent.ts';

/** A room that is not there by then is not coming: the carrier may try elsewhere. */
const LEG_TIMEOUT_MS = 4_000;
/** How long a caller waits in silence for an agent that has left the room. */
const AGENT_BACK_MS = 5_000;
/** What the agent said last is still on its way to the caller when the room goes. */
const LINGER_MS = 200;
/** The apology starts without the ACK after this. */
const ACK_WAIT_MS = 1_000;
const DTMF_MS = 160;
/** Seconds, when all is full: a call lasts minutes, but one may end any moment. */
const RETRY_AFTER = 'Retry-After: 5';

/** What all calls of an endpoint share. */
export interface CallDependencies {
  readonly config: Pick<Config, 'livekit' | 'agentName' | 'sip'>;
  readonly userAgent: UserAgent;
  readonly reach: Reach;
  readonly ports: PortPool;
  readonly openLeg: OpenLeg;
  readonly reporter: Pick<Reporter, 'report'>;
  readonly log: Logger;
}

export interface CallOptions extends CallDependencies {
  readonly request: IncomingInviteRequest;
  readonly flow: Flow;
  readonly identity: CallIdentity;
  /** Undefined: the INVITE carried none, and our 200 makes the offer. */
  readonly offer: SessionDescription | undefined;
  /** Whether there is room for one more call, here and at the worker. */
  readonly hasRoom: () => Promise<boolean>;
  /** Once, when nothing of the call is left. */
  readonly onEnded: (ending: Ending) => void;
}

export interface Ending {
  readonly endedBy: EndedBy;
  readonly endReason: EndReason;
  /** Final status of the INVITE when it was refused. */
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
  readonly startedAt = new Date();
  #state: State = 'ringing';
  #leg: CallLeg | undefined;
  #media: CallMedia | undefined;
  #correlation: Correlation;
  #answering = false;
  #held = false;
  #legIsGone = false;
  #isAgentHere = false;
  #answerTimer: NodeJS.Timeout | undefined;
  #agentTimer: NodeJS.Timeout | undefined;

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
        to,
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
      this.#end({ endedBy: 'system', endReason: 'busy', sipCode: 503 });
      return;
    }
    this.#dialog.ring();
    this.#answerTimer = setTimeout(() => {
      this.#apologise('no_agent', NO_AGENT);
    }, this.#options.config.sip.answerTimeoutMs);
    await this.#openLeg();
  }

  /** Ends it from our side: BYE, or a refusal where it still rings. */
  hangUp(ending: Ending): void {
    this.#end({ ...ending, ...(this.#state === 'ringing' && { sipCode: 503 }) });
  }

  // ---- the room

  async #openLeg(): Promise<void> {
    const { identity, config, openLeg } = this.#options;
    const signal = AbortSignal.any([this.#abort.signal, AbortSignal.timeout(LEG_TIMEOUT_MS)]);
    const { livekit, agentName } = config;
    const opening = openLeg({ ...identity, livekit, agentName, log: this.#log }, signal);
    let leg: CallLeg;
    try {
      leg = await withAbort(opening, signal);
    } catch (error) {
      // One that comes after all must not stay behind in its room.
      this.#settle(
        opening.then((late) => late.close({ deleteRoom: true })).catch(() => undefined),
        'room could not be left',
      );
      if (this.#state !== 'ringing') return;
      this.#log.error({ err: error }, 'room could not be entered');
      this.#end({ endedBy: 'system', endReason: 'service_lost', sipCode: 503 });
      return;
    }
    if (this.#state !== 'ringing') {
      await leg.close({ deleteRoom: true });
      return;
    }
    this.#leg = leg;
    this.#correlation = {
      ...this.#correlation,
      roomSid: leg.roomSid,
      participantSid: leg.participantSid,
    };
    leg.on('agentReady', () => {
      this.#isAgentHere = true;
      this.#settle(this.#answer(), 'call could not be answered');
    });
    leg.on('audio', (pcm) => {
      if (this.#state === 'answered') this.#media?.send(pcm);
    });
    leg.on('dtmf', (digit) => this.#sendDtmf(digit));
    leg.on('agentGone', () => this.#onAgentGone());
    leg.on('agentBack', () => {
      this.#isAgentHere = true;
      clearTimeout(this.#agentTimer);
    });
    leg.on('closed', (reason) => this.#onLegClosed(reason));
  }

  #onAgentGone(): void {
    this.#isAgentHere = false;
    if (this.#state !== 'answered') return;
    this.#log.warn('agent has left the room');
    clearTimeout(this.#agentTimer);
    this.#agentTimer = setTimeout(() => {
      this.#apologise('agent_lost', { endedBy: 'system', endReason: 'agent_lost' });
    }, AGENT_BACK_MS);
  }

  #onLegClosed(reason: LegClosed): void {
    if (this.#state === 'apologising' || this.#state === 'ended') return;
    this.#legIsGone = true;
    const ending = ENDINGS[reason];
    if (this.#state === 'ringing') {
      this.#end({ ...ending, sipCode: reason === 'connection_lost' ? 503 : 480 });
    } else if (reason === 'connection_lost') {
      this.#apologise('agent_lost', ending);
    } else {
      // No timer of this call fires in the meantime: the agent's absence is explained.
      clearTimeout(this.#agentTimer);
      setTimeout(() => this.#end(ending), LINGER_MS);
    }
  }

  // ---- the caller

  /** The agent can be heard: 200. */
  async #answer(): Promise<void> {
    if (this.#state !== 'ringing' || this.#answering) return;
    if (!(await this.#accept('answered'))) return;
    if (!this.#isAgentHere) this.#onAgentGone();
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
        onAudio: (pcm) => this.#leg?.write(pcm),
        onDtmf: (digit) => this.#onDtmf(digit),
        onTimeout: () => this.#end({ endedBy: 'carrier', endReason: 'media_timeout' }),
      });
    } catch (error) {
      this.#log.error({ err: error }, 'no RTP port for the call');
      this.#end({ endedBy: 'system', endReason: 'busy', sipCode: 503 });
      return false;
    }
    // A CANCEL may have come while the port was bound.
    if (this.#state !== 'ringing') {
      await media.close();
      return false;
    }
    clearTimeout(this.#answerTimer);
    this.#state = state;
    this.#media = media;
    const sdp = offer ? media.answer(offer) : media.offer();
    if (sdp === undefined) {
      this.#end({ endedBy: 'system', endReason: 'rejected', sipCode: 488 });
      return false;
    }
    this.#dialog.answer(sdp);
    return true;
  }

  /** Offer and answer are through: tell the room and the call service. */
  #goLive(): void {
    const negotiated = this.#media?.negotiated;
    if (this.#state !== 'answered' || !negotiated) return;
    const { codec, ptime, dtmfPayloadType } = negotiated;
    this.#log.info({ codec, ptime }, 'call is answered');
    this.#settle(this.#leg?.setStatus('active'), 'room does not know of the answer');
    this.#report({
      type: 'leg.answered',
      data: { codec, ptime, dtmf: dtmfPayloadType === undefined ? 'none' : 'rfc4733' },
    });
  }

  #onAck(answer: string): void {
    const isLate = !this.#options.offer && !this.#acknowledged.signal.aborted;
    this.#acknowledged.abort();
    if (answer !== '' && this.#media && !this.#media.accept(answer)) {
      this.#log.warn('the answer in the ACK is none we can do');
      this.#end({ endedBy: 'carrier', endReason: 'trunk_failure' });
      return;
    }
    if (isLate) this.#goLive();
    this.#noteHold();
  }

  #onBye(): void {
    const isApology = this.#state === 'apologising';
    this.#end(isApology ? NO_AGENT : { endedBy: 'caller', endReason: 'caller_hangup' });
  }

  #onReinvite(offer: string): string | undefined {
    if (!this.#media) return undefined;
    if (offer === '') return this.#media.offer();
    const sdp = parseSdp(offer);
    const answer = sdp && this.#media.answer(sdp);
    if (answer !== undefined) this.#noteHold();
    return answer;
  }

  #noteHold(): void {
    const held = this.#media?.isHeld ?? false;
    if (held === this.#held || this.#state !== 'answered') return;
    this.#held = held;
    this.#log.info(held ? 'caller holds' : 'caller is back');
    this.#report({ type: held ? 'leg.held' : 'leg.resumed', data: {} });
  }

  #onInfo(type: string, body: string): boolean {
    const digit = readInfoDtmf(type, body);
    if (digit === undefined) return false;
    if (digit !== null) this.#onDtmf(digit);
    return true;
  }

  #onDtmf(digit: string): void {
    if (this.#state !== 'answered') return;
    this.#leg?.sendDtmf(digit);
    this.#report({ type: 'leg.dtmf', data: { digit } });
  }

  #sendDtmf(digit: string): void {
    if (this.#state !== 'answered' || this.#media?.sendDtmf(digit)) return;
    const info = this.#dialog.info('application/dtmf-relay', writeInfoDtmf(digit, DTMF_MS));
    this.#settle(info, 'digit could not be sent');
  }

  // ---- the end

  #apologise(reason: 'no_agent' | 'agent_lost', ending: Ending): void {
    const isTooLate = this.#state === 'ringing' ? this.#answering : this.#state !== 'answered';
    if (isTooLate) return;
    this.#settle(this.#speakApology(reason, ending), 'apology could not be spoken');
  }

  async #speakApology(reason: 'no_agent' | 'agent_lost', ending: Ending): Promise<void> {
    this.#log.warn({ reason }, 'no agent for the caller, apologising');
    if (this.#state === 'ringing' && !(await this.#accept('apologising'))) return;
    this.#state = 'apologising';
    this.#report({ type: 'leg.fallback', data: { reason, action: 'apology' } });
    // An agent that came now would talk into the apology.
    this.#closeLeg(true);
    const acknowledged = this.#acknowledged.signal;
    if (!acknowledged.aborted) {
      await Promise.race([
        once(acknowledged, 'abort'),
        delay(ACK_WAIT_MS, undefined, { signal: this.#abort.signal, ref: false }),
      ]).catch(() => undefined);
    }
    const pcm = apologyFor(this.#options.identity.line.language);
    await play(pcm, (frame) => this.#media?.send(frame), this.#abort.signal);
    this.#end(ending);
  }

  #end(ending: Ending): void {
    if (this.#state === 'ended') return;
    const wasAnswered = this.#state === 'answered';
    this.#state = 'ended';
    clearTimeout(this.#answerTimer);
    clearTimeout(this.#agentTimer);
    this.#abort.abort();
    // Each does nothing where the dialog is past it.
    this.#dialog.reject(ending.sipCode ?? 480, ending.sipCode === 503 ? [RETRY_AFTER] : []);
    this.#dialog.bye();
    const media = this.#media?.stats();
    const { endedBy, endReason, sipCode } = ending;
    this.#log.info({ endedBy, endReason, sipCode, media }, 'call has ended');
    this.#report({
      type: 'leg.ended',
      data: { endedBy, endReason, ...(sipCode && { sipCode }), ...(media && { media }) },
    });
    if (this.#media) this.#settle(this.#media.close(), 'RTP could not be closed');
    // After a call the agent finishes and leaves by itself; before one there is nothing to keep.
    this.#closeLeg(!wasAnswered);
    this.#options.onEnded(ending);
  }

  #closeLeg(deleteRoom: boolean): void {
    const leg = this.#leg;
    this.#leg = undefined;
    if (!leg) return;
    const leave = async (): Promise<void> => {
      // As livekit-sip does: who looks at the participant sees how it left.
      if (!this.#legIsGone) await leg.setStatus('hangup').catch(() => undefined);
      await leg.close({ deleteRoom });
    };
    this.#settle(leave(), 'room could not be left');
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

const ENDINGS: Readonly<Record<LegClosed, Ending>> = {
  // By the agent's hang-up as a rule; the agent's own report says more.
  room_deleted: { endedBy: 'system', endReason: 'room_deleted' },
  participant_removed: { endedBy: 'operator', endReason: 'operator_hangup' },
  connection_lost: { endedBy: 'system', endReason: 'service_lost' },
};

/** Rejects when aborted, whatever the work itself makes of its signal. */
async function withAbort<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const abort = (): void => reject(signal.reason as Error);
  signal.addEventListener('abort', abort);
  try {
    return await Promise.race([work, promise]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
