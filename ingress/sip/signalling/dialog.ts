import { randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import { constructOutgoingResponse, SessionState, Timers } from 'sip.js/lib/core/index.js';
import type {
  Body,
  IncomingInviteRequest,
  OutgoingRequestMessage,
  OutgoingResponse,
  ResponseOptions,
  Session,
  SessionDelegate,
} from 'sip.js/lib/core/index.js';
import { allowHeader } from './check-request.ts';
import type { Flow } from './flow.ts';
import type { Goodbye } from './last-words.ts';
import { retransmit } from './retransmit.ts';
import { warningHeader } from '../media/sdp.ts';
import type { Incompatible } from '../media/sdp.ts';
import { contactHeader } from './user-agent.ts';
import type { UserAgent } from './user-agent.ts';
import { parseNameAddr } from './name-addr.ts';
import type { SipRequest } from './request.ts';

/** RFC 3261 §19.1.2 */
const DEFAULT_PORT = 5060;
/** Higher than that of any request before it, which need not be known then (RFC 3261 §12.2.2). */
const LAST_CSEQ = 2 ** 30;

/** Opens a flow to where a request of ours has to go; `host` may be a name. */
export type Reach = (protocol: Flow['protocol'], host: string, port: number) => Promise<Flow>;

export interface DialogOptions {
  readonly request: IncomingInviteRequest;
  /** The same, as it was read. */
  readonly invite: Pick<SipRequest, 'via' | 'recordRoutes'>;
  readonly flow: Flow;
  readonly userAgent: UserAgent;
  readonly reach: Reach;
  readonly log: Logger;
}

export interface DialogEvents {
  /** CANCEL, or BYE while it rings: to be refused by 487. */
  onCancel(): void;
  /** BYE of the caller; answered already. */
  onBye(): void;
  /** @param answer SDP, when our 200 carried the offer */
  onAck(answer: string): void;
  /** A 200 was sent for 64 × T1 and nothing came back (RFC 3261 §13.3.1.4, §14.2). */
  onAckTimeout(): void;
  /**
   * re-INVITE.
   * @param offer SDP; empty when it is for us to offer
   * @returns the SDP to answer with, or why it is refused (488)
   */
  onReinvite(offer: string): string | Incompatible | undefined;
  /** INFO with a body that is read here. */
  onInfo(type: string, body: string): void;
}

/**
 * The signalling of one incoming call from INVITE to BYE, over SIP.js' server transaction and
 * dialog: what is left here is the order of things and what SIP.js does not do over UDP.
 */
export class Dialog {
  readonly #options: DialogOptions;
  readonly #events: DialogEvents;
  #session: Session | undefined;
  #state: 'proceeding' | 'answered' | 'ended' = 'proceeding';
  #byeWaitsForAck = false;
  #ackGivenUp = false;
  /** Until the ACK to a re-INVITE's 200 comes. */
  #reinviteTimer: NodeJS.Timeout | undefined;
  readonly #over = Promise.withResolvers<unknown>();
  /** Of the BYE that somebody else may have to send. */
  readonly #lastBranch = `z9hG4bK${randomUUID()}`;

  constructor(options: DialogOptions, events: DialogEvents) {
    this.#options = options;
    this.#events = events;
    options.request.delegate = {
      onCancel: () => {
        if (this.#state === 'proceeding') events.onCancel();
      },
    };
  }

  /** When nothing of it is on the wire any more: refused, or BYE sent and answered. */
  get over(): Promise<unknown> {
    return this.#over.promise;
  }

  ring(): void {
    this.#withinFlow(() => {
      const { session } = this.#options.request.progress({ statusCode: 180 });
      // RFC 3261 §15: a caller may end an early dialog by BYE as well as by CANCEL.
      session.delegate = { onBye: (bye) => this.#onEarlyBye(bye) };
    });
  }

  /** 200 with our SDP. */
  answer(sdp: string): void {
    if (this.#state !== 'proceeding') return;
    this.#state = 'answered';
    this.#withinFlow(() => {
      const { session } = this.#options.request.accept({ statusCode: 200, body: sdpBody(sdp) });
      session.delegate = this.#delegate();
      this.#session = session;
    });
  }

  /** Refuses an INVITE that is not answered yet; false when it was, or is refused already. */
  reject(statusCode: number, extraHeaders: string[] = []): boolean {
    if (this.#state !== 'proceeding') return false;
    this.#state = 'ended';
    this.#withinFlow(() => rejectReliably(this.#options, { statusCode, extraHeaders }));
    this.#over.resolve(undefined);
    return true;
  }

  /** Ends an answered call from our side, as soon as RFC 3261 §15 allows it. */
  bye(): void {
    if (this.#state !== 'answered' || !this.#session) return;
    // Not before the ACK: the caller may not know of the dialog yet.
    if (this.#session.sessionState === SessionState.AckWait && !this.#ackGivenUp) {
      this.#byeWaitsForAck = true;
      return;
    }
    this.#state = 'ended';
    clearTimeout(this.#reinviteTimer);
    void this.#sendBye(this.#session).catch((error: unknown) => {
      this.#options.log.warn({ err: error }, 'BYE could not be sent');
    });
  }

  /** What ends the call as it stands, to be sent by another process; undefined: it has ended. */
  goodbye(): Goodbye | undefined {
    const { flow, request, invite, userAgent } = this.#options;
    const { protocol, remoteAddress: host, remotePort } = flow;
    if (this.#state === 'proceeding') {
      const toTag = isServer(request) ? request.toTag : '';
      const { message: text } = constructOutgoingResponse(request.message, {
        statusCode: 503,
        toTag,
      });
      // A connection ends with its process: the answer then goes where RFC 3261 §18.2.2 says.
      const port = protocol === 'TCP' ? (invite.via.port ?? DEFAULT_PORT) : remotePort;
      return { text, protocol, host, port };
    }
    const session = this.#session;
    if (this.#state !== 'answered' || !session || !isDialog(session)) return undefined;
    const target = this.#target(session) ?? { protocol, host, port: remotePort };
    const bye = userAgent.within(flow, () =>
      session.createOutgoingRequestMessage('BYE', { cseq: LAST_CSEQ }),
    );
    bye.setViaHeader(this.#lastBranch, target.protocol);
    return { text: bye.toString(), ...target };
  }

  /** INFO to the caller. */
  async info(contentType: string, content: string): Promise<void> {
    const session = this.#session;
    if (!session || this.#state !== 'answered') return;
    const flow = await this.#nextHop(session);
    const body = { contentDisposition: 'render', contentType, content };
    const stop = () => sending?.();
    const answered = { onAccept: stop, onReject: stop, onRedirect: stop };
    const info = this.#options.userAgent.within(flow, () => session.info(answered, { body }));
    const sending = repeatOverUdp(flow, info.message.toString());
  }

  #delegate(): SessionDelegate {
    return {
      onAck: ({ message }) => {
        clearTimeout(this.#reinviteTimer);
        this.#events.onAck(message.body);
        if (this.#byeWaitsForAck) this.bye();
      },
      onAckTimeout: () => {
        this.#ackGivenUp = true;
        this.#events.onAckTimeout();
        this.bye();
      },
      onBye: (bye) => {
        bye.accept();
        clearTimeout(this.#reinviteTimer);
        this.#over.resolve(undefined);
        if (this.#state === 'ended') return;
        this.#state = 'ended';
        this.#events.onBye();
      },
      onInvite: (request) => this.#onReinvite(request),
      onInfo: (info) => {
        const type = info.message.getHeader('content-type');
        if (type !== undefined) this.#events.onInfo(type, info.message.body);
        info.accept();
      },
    };
  }

  #onEarlyBye(bye: Parameters<NonNullable<SessionDelegate['onBye']>>[0]): void {
    bye.accept();
    if (this.#state === 'proceeding') this.#events.onCancel();
  }

  #onReinvite(request: IncomingInviteRequest): void {
    const sdp =
      this.#state === 'answered' ? this.#events.onReinvite(request.message.body) : undefined;
    if (typeof sdp !== 'string') {
      const extraHeaders = sdp ? [warningHeader(sdp)] : [];
      rejectReliably({ ...this.#options, request }, { statusCode: 488, extraHeaders });
      return;
    }
    const extraHeaders = [contactHeader(this.#options.flow), allowHeader()];
    request.accept({ statusCode: 200, extraHeaders, body: sdpBody(sdp) });
    // RFC 3261 §14.2; SIP.js stops repeating the 200 then, and leaves it at that.
    this.#reinviteTimer = setTimeout(() => {
      this.#events.onAckTimeout();
      this.bye();
    }, Timers.TIMER_L);
  }

  async #sendBye(session: Session): Promise<void> {
    const flow = await this.#nextHop(session);
    // The caller's own BYE may have crossed while the way was looked up.
    if (session.sessionState === SessionState.Terminated) return;
    const done = (): void => {
      stop?.();
      this.#over.resolve(undefined);
    };
    const bye = this.#options.userAgent.within(flow, () =>
      session.bye({ onAccept: done, onReject: done, onRedirect: done }),
    );
    const stop = repeatOverUdp(flow, bye.message.toString());
  }

  async #nextHop(session: Session): Promise<Flow> {
    const { flow, reach, log } = this.#options;
    if (flow.protocol === 'TCP' && flow.isOpen) return flow;
    const target = this.#target(session);
    if (!target) return flow;
    try {
      return await reach(target.protocol, target.host, target.port);
    } catch (error) {
      log.warn({ err: error }, 'no way to the contact, sending where the INVITE came from');
      return flow;
    }
  }

  /**
   * RFC 3261 §12.2.1.1: the first Route, else the Contact. But a caller whose Via is not where its
   * INVITE came from sits behind a NAT and does not know its own address: undefined, back the same
   * way then.
   */
  #target({ remoteTarget: contact }: Session): Omit<Goodbye, 'text'> | undefined {
    const { flow, invite } = this.#options;
    if (invite.via.host !== flow.remoteAddress) return undefined;
    const route = parseNameAddr(invite.recordRoutes[0] ?? '')?.uri;
    const [host, port, transport] = route
      ? [route.host, route.port, route.parameters.get('transport')]
      : [contact.host, contact.port, contact.getParam('transport')];
    return {
      protocol: transport?.toLowerCase() === 'tcp' ? 'TCP' : 'UDP',
      host: host.replace(/^\[(.*)\]$/, '$1'),
      port: port ?? DEFAULT_PORT,
    };
  }

  #withinFlow(run: () => void): void {
    this.#options.userAgent.within(this.#options.flow, run);
  }
}

/** A refusal that is repeated over UDP until its ACK comes (RFC 3261 §17.2.1, timer G). */
export function rejectReliably(
  { request, flow }: { readonly request: IncomingInviteRequest; readonly flow: Flow },
  options: ResponseOptions,
): OutgoingResponse {
  const response = request.reject(options);
  if (flow.protocol !== 'UDP' || !isServer(request)) return response;
  const { transaction } = request;
  const stop = retransmit(() => {
    if (transaction.state !== 'Completed') stop();
    else flow.send(response.message).catch(() => stop());
  });
  return response;
}

/** SIP.js sends a request once: until `stop`, or for as long as RFC 3261 §17.1.2.2 says. */
function repeatOverUdp(flow: Flow, text: string): (() => void) | undefined {
  if (flow.protocol !== 'UDP') return undefined;
  const stop = retransmit(() => {
    flow.send(text).catch(() => stop());
  });
  return stop;
}

/** SIP.js' INVITE servers have more than their interface shows. */
function isServer(
  request: IncomingInviteRequest,
): request is IncomingInviteRequest & { transaction: { state: string }; toTag: string } {
  return 'transaction' in request && 'toTag' in request;
}

/** So have its sessions, which are dialogs. */
function isDialog(session: Session): session is Session & {
  createOutgoingRequestMessage(method: string, options: { cseq: number }): OutgoingRequestMessage;
} {
  return 'createOutgoingRequestMessage' in session;
}

function sdpBody(content: string): Body {
  return { contentDisposition: 'session', contentType: 'application/sdp', content };
}
