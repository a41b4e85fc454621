import type { Logger } from 'pino';
import { Parser, Timers, URI, UserAgentCore } from 'sip.js/lib/core/index.js';
import type {
  IncomingInviteRequest,
  IncomingRequestMessage,
  UserAgentCoreConfiguration,
} from 'sip.js/lib/core/index.js';
import { AllowedMethods } from 'sip.js/lib/core/user-agent-core/allowed-methods.js';
import { ALLOWED_METHODS } from './check-request.ts';
import type { Flow } from './flow.ts';
import type { SipMessage } from './message.ts';
import { headerValue, writeMessage } from './message.ts';
import { sipLog } from './sip-log.ts';
import { markReceived, parseVia } from './via.ts';

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
  readonly #logger;
  #flow: Flow | undefined;
  #requestUri: URI | undefined;

  constructor(options: UserAgentOptions) {
    const loggerFactory = sipLog(options.log);
    this.#logger = loggerFactory.getLogger('parser');
    this.#core = new UserAgentCore(this.#configuration(options, loggerFactory), {
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

  /** @returns undefined when SIP.js' grammar does not take it */
  parseRequest(message: SipMessage, flow: Flow): IncomingRequestMessage | undefined {
    const [top, ...rest] = message.headers.filter(({ name }) => name === 'via');
    if (!top) return undefined;
    const host = bracketed(flow.localAddress);
    const others = message.headers
      .filter(({ name }) => name !== 'via')
      .map(({ name, value }) => ({
        name,
        value: name === 'from' || name === 'to' ? withoutTel(value, host) : value,
      }));
    const value = markReceived(top.value, flow.remoteAddress, flow.remotePort);
    const text = writeMessage({
      ...message,
      startLine: message.startLine.replace(/^(\S+ )tel:([^;@\s]+)\S*/i, `$1sip:$2@${host}`),
      headers: [{ name: 'via', value }, ...rest, ...others],
    });
    const parsed = Parser.parseMessage(text, this.#logger);
    if (!parsed || !('ruri' in parsed) || !parsed.from || !parsed.to || !parsed.via)
      return undefined;
    // Answers repeat them as they came.
    for (const name of ['From', 'To']) {
      const [header] = parsed.headers[name] ?? [];
      if (header) header.raw = headerValue(message, name.toLowerCase()) ?? '';
    }
    parsed.viaBranch = transactionKey(message, top.value);
    return parsed;
  }

  /** Whether it belongs to a transaction that is still kept: a retransmission, an ACK, a CANCEL. */
  isKnown(request: IncomingRequestMessage): boolean {
    return this.#core.userAgentServers.has(request.viaBranch);
  }

  /** Whether it belongs to a call that is up. */
  isInDialog(request: IncomingRequestMessage): boolean {
    return this.#core.dialogs.has(request.callId + request.toTag + request.fromTag);
  }

  /** @throws what SIP.js throws on what it did not expect */
  receiveRequest(request: IncomingRequestMessage, flow: Flow): void {
    this.#requestUri = request.ruri;
    this.within(flow, () => this.#core.receiveIncomingRequestFromTransport(request));
  }

  /** @throws what SIP.js throws on what it did not expect */
  receiveResponse(message: SipMessage, flow: Flow): void {
    if (!message.wellFormed || !/^SIP\/2\.0 [1-6]\d\d( |$)/i.test(message.startLine)) return;
    const parsed = Parser.parseMessage(writeMessage(message), this.#logger);
    if (!parsed || 'ruri' in parsed) return;
    this.within(flow, () => this.#core.receiveIncomingResponseFromTransport(parsed));
  }

  /** Drops all transactions and dialogs without a word. */
  dispose(): void {
    this.#core.dispose();
  }

  #configuration(
    { name }: UserAgentOptions,
    loggerFactory: UserAgentCoreConfiguration['loggerFactory'],
  ): UserAgentCoreConfiguration {
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
      loggerFactory,
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

/** SIP.js reads SIP URIs only. */
function withoutTel(value: string, host: string): string {
  return value
    .replace(/<tel:([^;>\s]+)[^>]*>/i, `<sip:$1@${host}>`)
    .replace(/^tel:([^;\s]+)/i, `sip:$1@${host}`);
}

function bracketed(address: string): string {
  return address.includes(':') ? `[${address}]` : address;
}

/**
 * RFC 3261 §17.2.3: branch, sent-by and method decide, where SIP.js looks at the branch only; for
 * clients of RFC 2543, whose branch says nothing, the fields that §17.2.3 names.
 */
function transactionKey(message: SipMessage, topVia: string): string {
  const via = parseVia(topVia);
  const method = message.startLine.split(' ')[0] ?? '';
  const group = method === 'ACK' || method === 'CANCEL' ? 'INVITE' : method;
  const sentBy = `${via?.host}:${via?.port}`;
  if (via?.branch?.toLowerCase().startsWith('z9hg4bk') && via.branch.length > 7) {
    return [via.branch, sentBy, group].join('|');
  }
  const sequence = headerValue(message, 'cseq')?.split(/\s/)[0];
  const fromTag = /;\s*tag\s*=\s*([^;\s]+)/i.exec(headerValue(message, 'from') ?? '')?.[1];
  return ['rfc2543', sentBy, headerValue(message, 'call-id'), fromTag, sequence, group].join('|');
}
