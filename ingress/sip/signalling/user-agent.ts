import type { Logger } from 'pino';
import { Timers, URI, UserAgentCore } from 'sip.js/lib/core/index.js';
import type { IncomingInviteRequest, UserAgentCoreConfiguration } from 'sip.js/lib/core/index.js';
import { AllowedMethods } from 'sip.js/lib/core/user-agent-core/allowed-methods.js';
import { ALLOWED_METHODS } from './check-request.ts';
import type { Flow } from './flow.ts';
import type { SipRequest } from './request.ts';
import { sipLog } from './sip-log.ts';
import { bracketed, responseToSipJs, toSipJs, transactionKey } from './to-sip-js.ts';
import type { SipResponse } from './to-sip-js.ts';

const CONTACT_USER = 'trunkline';

// SIP.js keeps no state after a final answer, as WebSockets need none; datagrams do:
// RFC 3261 §17.1.2.2 (K) and §17.2 (I, J).
Timers.TIMER_I = Timers.T4;
Timers.TIMER_J = 64 * Timers.T1;
Timers.TIMER_K = Timers.T4;
// What it puts into the Allow header of its 2xx is not configurable.
AllowedMethods.splice(0, AllowedMethods.length, ...ALLOWED_METHODS);

export interface UserAgentOptions {
  readonly name: string;
  /** A new INVITE that opens a server transaction; must answer it. */
  readonly onInvite: (request: IncomingInviteRequest, flow: Flow) => void;
  readonly log: Logger;
}

/**
 * SIP.js' transactions and dialogs over many flows. SIP.js has one transport and one contact for
 * all; here both are those of the flow that the present step belongs to (`within`).
 */
export class UserAgent {
  readonly #core: UserAgentCore;
  #flow: Flow | undefined;
  #requestUri: URI | undefined;

  constructor(options: UserAgentOptions) {
    this.#core = new UserAgentCore(this.#configuration(options), {
      onInvite: (request) => {
        if (this.#flow) options.onInvite(request, this.#flow);
      },
    });
  }

  /** Runs what sends, synchronously, so that it goes to this flow. */
  within<T>(flow: Flow, run: () => T): T {
    const before = this.#flow;
    this.#flow = flow;
    try {
      return run();
    } finally {
      this.#flow = before;
    }
  }

  /** Whether it belongs to a transaction that is still kept: a retransmission, an ACK, a CANCEL. */
  isKnown(request: SipRequest): boolean {
    return this.#core.userAgentServers.has(transactionKey(request));
  }

  /** Whether it belongs to a call that is up, or rings. */
  isInDialog({ callId, toTag, fromTag }: SipRequest): boolean {
    return toTag !== undefined && this.#core.dialogs.has(`${callId}${toTag}${fromTag}`);
  }

  /** Whether it answers a request of ours that waits for an answer. */
  isAwaited({ branch, method }: SipResponse): boolean {
    return this.#core.userAgentClients.has(branch + method);
  }

  /** @throws what SIP.js throws on what it did not expect */
  receiveRequest(request: SipRequest, flow: Flow): void {
    const incoming = toSipJs(request, flow);
    this.#requestUri = incoming.ruri;
    this.within(flow, () => this.#core.receiveIncomingRequestFromTransport(incoming));
  }

  /** @throws what SIP.js throws on what it did not expect */
  receiveResponse(response: SipResponse, flow: Flow): void {
    const incoming = responseToSipJs(response);
    this.within(flow, () => this.#core.receiveIncomingResponseFromTransport(incoming));
  }

  /** Drops all transactions and dialogs without a word. */
  dispose(): void {
    this.#core.dispose();
  }

  #configuration({ name, log }: UserAgentOptions): UserAgentCoreConfiguration {
    const contactUri = (): URI => {
      const { localAddress = '127.0.0.1', localPort = 5060, protocol } = this.#flow ?? {};
      const parameters = protocol === 'TCP' ? { transport: 'tcp' } : {};
      return new URI('sip', CONTACT_USER, bracketed(localAddress), localPort, parameters);
    };
    const requestUri = (): URI => this.#requestUri ?? contactUri();
    const local = (): string => {
      const { localAddress = '127.0.0.1', localPort = 5060 } = this.#flow ?? {};
      return `${bracketed(localAddress)}:${localPort}`;
    };
    return {
      // Who is called is decided by lines and numbers; to SIP.js every Request-URI is ours, or it
      // would answer 404 to all but one user.
      get aor() {
        return requestUri();
      },
      contact: {
        pubGruu: undefined,
        tempGruu: undefined,
        get uri() {
          return contactUri();
        },
        toString: () => `<${contactUri().toString()}>`,
      },
      get viaHost() {
        return local();
      },
      displayName: '',
      loggerFactory: sipLog(log),
      hackViaTcp: false,
      routeSet: [],
      sipjsId: '',
      supportedOptionTags: [],
      supportedOptionTagsResponse: [],
      userAgentHeaderFieldValue: name,
      viaForceRport: true,
      authenticationFactory: () => undefined,
      transportAccessor: () => this.#flow,
    };
  }
}

/** The Contact header of a flow's answers that SIP.js leaves without one (re-INVITE). */
export function contactHeader(flow: Flow): string {
  const transport = flow.protocol === 'TCP' ? ';transport=tcp' : '';
  return `Contact: <sip:${CONTACT_USER}@${bracketed(flow.localAddress)}:${flow.localPort}${transport}>`;
}
