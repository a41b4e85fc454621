import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import type { Logger } from 'pino';
import type { IncomingInviteRequest } from 'sip.js/lib/core/index.js';
import type { Reporter } from '../../reporting/reporter.ts';
import type { Config } from '../../config/config.ts';
import type { OpenLeg } from './call/call-leg.ts';
import { Calls } from './call/calls.ts';
import type { CallsOptions } from './call/calls.ts';
import { acceptHeaders, allowHeader, checkSupport } from './signalling/check-request.ts';
import type { Reach } from './signalling/dialog.ts';
import type { Flow } from './signalling/flow.ts';
import { MAX_MESSAGE_BYTES } from './signalling/flow.ts';
import { Gate } from './signalling/gate.ts';
import type { Decision } from './signalling/gate.ts';
import { InheritedCalls } from './call/inherited-calls.ts';
import type { LastRoom, LastWordsStore } from './signalling/last-words.ts';
import { isResponse, readMessage } from './signalling/message.ts';
import type { SipMessage } from './signalling/message.ts';
import { SipMetrics } from './signalling/metrics.ts';
import { isRefusal, readRequest } from './signalling/request.ts';
import type { Refusal, SipRequest } from './signalling/request.ts';
import { statelessReply } from './signalling/stateless-reply.ts';
import { TcpTransport } from './signalling/tcp-transport.ts';
import { readResponse } from './signalling/to-sip-js.ts';
import { TokenBuckets } from './signalling/token-bucket.ts';
import { UdpTransport } from './signalling/udp-transport.ts';
import { UserAgent } from './signalling/user-agent.ts';

const USER_AGENT = 'Trunkline';
/** How long to wait after the last BYE for its answer, ms. */
const GOODBYE_MS = 500;
const ANY_PORT_ATTEMPTS = 10;
/** Of messages that could not be processed: at once, and then one a minute; all are counted. */
const FAULT_LINES = 10;
const FAULT_LINES_PER_SECOND = 1 / 60;
/** RFC 3261 §19.1.2 */
const DEFAULT_PORT = 5060;
/** RFC 3261 §11.2; what a trunk's monitoring asks. */
const CAPABILITIES: Refusal = {
  statusCode: 200,
  extraHeaders: [allowHeader(), ...acceptHeaders()],
};

export interface EndpointOptions {
  readonly config: Pick<Config, 'livekit' | 'agentName' | 'sip' | 'worker' | 'lines'>;
  readonly openLeg: OpenLeg;
  /** Of this process, and of those before it. */
  readonly lastWords: LastWordsStore;
  /** For the calls of those before it. Never throws. */
  readonly endRoom: (room: LastRoom) => Promise<void>;
  readonly reporter: Pick<Reporter, 'report'>;
  readonly onRefused?: CallsOptions['onRefused'];
  readonly log: Logger;
}

/**
 * The built-in SIP endpoint: UDP and TCP on one port, one call per admitted INVITE. No message,
 * however broken, ends the process or opens a room that it should not.
 */
export class SipEndpoint {
  readonly metrics = new SipMetrics();
  readonly #options: EndpointOptions;
  readonly #gate: Gate;
  readonly #userAgent: UserAgent;
  readonly #calls: Calls;
  readonly #inherited: InheritedCalls;
  readonly #faultLog = new TokenBuckets(FAULT_LINES, FAULT_LINES_PER_SECOND);
  readonly #strangerLog = new TokenBuckets(FAULT_LINES, FAULT_LINES_PER_SECOND);
  /** The INVITE that SIP.js is being handed, as it was read. */
  #invite: SipRequest | undefined;
  #udp: UdpTransport | undefined;
  #tcp: TcpTransport | undefined;
  #draining = false;
  #closed: Promise<void> | undefined;

  private constructor(options: EndpointOptions) {
    this.#options = options;
    this.#gate = new Gate(options.config.sip);
    this.#userAgent = new UserAgent({
      name: USER_AGENT,
      log: options.log,
      onInvite: (request, flow) => this.#onInvite(request, flow),
    });
    const reach: Reach = (protocol, host, port) => this.#reach(protocol, host, port);
    this.#calls = new Calls({
      ...options,
      userAgent: this.#userAgent,
      metrics: this.metrics,
      reach,
    });
    this.#inherited = new InheritedCalls({ ...options, reach });
  }

  /** @throws when the port is taken, or anybody on a network could call */
  static async open(options: EndpointOptions): Promise<SipEndpoint> {
    const endpoint = new SipEndpoint(options);
    const { host, port, advertisedAddress } = options.config.sip;
    const shared = {
      host,
      advertisedAddress,
      log: options.log,
      receive: (raw: Buffer, flow: Flow) => endpoint.#receive(raw, flow),
      isListed: (address: string) => endpoint.#gate.isListed(address),
    };
    // A free UDP port need not be free for TCP.
    for (let attempts = port === 0 ? ANY_PORT_ATTEMPTS : 1; !endpoint.#tcp; attempts -= 1) {
      const udp = await UdpTransport.open({ ...shared, port });
      try {
        endpoint.#tcp = await TcpTransport.open({ ...shared, port: udp.port });
        endpoint.#udp = udp;
      } catch (error) {
        await udp.close();
        if (attempts <= 1) throw error;
      }
    }
    endpoint.#inherited.end(options.lastWords.takeLost());
    return endpoint;
  }

  /** UDP and TCP alike. */
  get port(): number {
    return this.#udp?.port ?? 0;
  }

  get isReady(): boolean {
    return this.#tcp !== undefined && !this.#draining;
  }

  /** The calls that are up, for people: GET /stats. */
  get activeCalls(): ReturnType<Calls['list']> {
    return this.#calls.list();
  }

  /** Refuses new calls (503); resolves when the last one has ended, at the limit, or when aborted. */
  async drain(limitMs: number, signal?: AbortSignal): Promise<void> {
    this.#draining = true;
    await this.#calls.drain(limitMs, signal);
  }

  /** Ends what still runs and closes the sockets. */
  async close(): Promise<void> {
    this.#closed ??= this.#close();
    await this.#closed;
  }

  async #close(): Promise<void> {
    this.#draining = true;
    await this.#calls.close(GOODBYE_MS);
    this.#inherited.close();
    this.#options.lastWords.clear();
    this.#userAgent.dispose();
    await Promise.all([this.#udp?.close(), this.#tcp?.close()]);
  }

  async #reach(protocol: Flow['protocol'], host: string, port: number): Promise<Flow> {
    const address = isIP(host) === 0 ? (await lookup(host)).address : host;
    if (!this.#udp || !this.#tcp) throw new Error('the SIP endpoint is closed');
    return protocol === 'TCP'
      ? this.#tcp.connectTo(address, port)
      : this.#udp.flowTo(address, port);
  }

  #receive(raw: Buffer, flow: Flow): void {
    const message = readMessage(raw);
    if (!message) return;
    try {
      if (isResponse(message)) this.#receiveResponse(message, flow);
      else this.#receiveRequest(message, raw.length, flow);
    } catch (error) {
      // SIP.js throws where a message contradicts its state; the message is at fault.
      this.metrics.faults.inc();
      const from = flow.remoteAddress;
      if (this.#faultLog.take('')) {
        this.#options.log.warn({ from, fault: String(error) }, 'SIP message not processed');
      }
      this.#answer(message, flow, { statusCode: 500 }, raw.length);
    }
  }

  /** A response that nothing waits for is counted and read no further. */
  #receiveResponse(message: SipMessage, flow: Flow): void {
    const response = readResponse(message);
    if (response && this.#userAgent.isAwaited(response)) {
      this.#userAgent.receiveResponse(response, flow);
    } else if (!this.#inherited.settle(response?.branch)) {
      this.metrics.dropped.inc();
    }
  }

  #receiveRequest(message: SipMessage, bytes: number, flow: Flow): void {
    const request = readRequest(message);
    if (isRefusal(request)) {
      const screened = this.#gate.screen(message, flow.remoteAddress);
      this.#turnAway(message, bytes, flow, screened === 'pass' ? request : screened);
    } else if (this.#userAgent.isKnown(request) || this.#userAgent.isInDialog(request)) {
      // No gate stands here: a BYE or an ACK that is lost leaves its caller in dead air.
      const refusal = check(request, bytes);
      const answer = refusal ?? (request.method === 'OPTIONS' ? CAPABILITIES : undefined);
      if (answer) this.#answer(message, flow, answer);
      else this.#userAgent.receiveRequest(request, flow);
    } else if (request.method !== 'ACK' || !this.#inherited.settle(request.via.branch)) {
      const decision = this.#decide(request, bytes, flow);
      if (decision !== 'pass') {
        this.#turnAway(message, bytes, flow, decision);
        return;
      }
      this.#invite = request;
      this.#userAgent.receiveRequest(request, this.#lasting(request, flow));
    }
  }

  /** A connection that is gone when its answer comes: that goes where Via says (RFC 3261 §18.2.2). */
  #lasting({ via }: SipRequest, flow: Flow): Flow {
    if (flow.protocol !== 'TCP') return flow;
    return {
      ...flow,
      get isOpen() {
        return flow.isOpen;
      },
      send: async (message) => {
        const { protocol, remoteAddress: address } = flow;
        const port = via.port ?? DEFAULT_PORT;
        const way = flow.isOpen ? flow : await this.#reach(protocol, address, port);
        await way.send(message);
      },
    };
  }

  /** What becomes of a request of no call: an INVITE may begin one, before anything is kept for it. */
  #decide(request: SipRequest, bytes: number, { remoteAddress }: Flow): Decision {
    const { message, method, toTag } = request;
    const screened = this.#gate.screen(message, remoteAddress);
    if (screened !== 'pass') return screened;
    const refusal = check(request, bytes);
    if (refusal) return refusal;
    const begins = toTag === undefined && (method === 'INVITE' || method === 'OPTIONS');
    if (!begins) return { statusCode: 481 };
    if (this.#draining) return { statusCode: 503, extraHeaders: ['Retry-After: 30'] };
    return method === 'INVITE' ? this.#gate.admit(message, remoteAddress) : CAPABILITIES;
  }

  #onInvite(request: IncomingInviteRequest, flow: Flow): void {
    if (this.#invite) this.#calls.take(request, this.#invite, flow);
  }

  #turnAway(
    message: SipMessage,
    bytes: number,
    flow: Flow,
    decision: Exclude<Decision, 'pass'>,
  ): void {
    if (decision === 'drop') {
      this.metrics.dropped.inc();
      return;
    }
    if (decision.statusCode === 403 && this.#strangerLog.take('')) {
      const from = flow.remoteAddress;
      this.#options.log.warn(
        { from },
        "refused: the address is not among the trunk's allowed_addresses",
      );
    }
    const { cause, statusCode } = decision;
    if (cause !== undefined) this.#options.onRefused?.({ cause, statusCode }, flow);
    this.#answer(message, flow, decision, bytes);
  }

  /**
   * An answer without a transaction.
   *
   * @param bytes of a request whose sender may be forged, so that the gate has a say
   */
  #answer(message: SipMessage, flow: Flow, refusal: Refusal, bytes?: number): void {
    const { remoteAddress: address, remotePort: port } = flow;
    const { statusCode } = refusal;
    const replies = [refusal, brief(refusal)].flatMap(
      (one) => statelessReply(message, { address, port }, one) ?? [],
    );
    if (replies.length === 0) return;
    const reply = replies.find(
      ({ length }) =>
        bytes === undefined ||
        this.#gate.mayAnswer(address, statusCode, { request: bytes, answer: length }),
    );
    if (reply === undefined) {
      this.metrics.dropped.inc();
      return;
    }
    if (statusCode !== 200) this.metrics.refused.inc({ code: statusCode });
    void flow.send(reply).catch((error: unknown) => {
      this.#options.log.debug({ err: error }, 'SIP answer could not be sent');
    });
  }
}

function check(request: SipRequest, bytes: number): Refusal | undefined {
  return bytes > MAX_MESSAGE_BYTES ? { statusCode: 513 } : checkSupport(request);
}

/**
 * As short as it still serves: who asks whether we are there, and who is to show a password, which
 * by MD5 everybody can.
 */
function brief({ statusCode, extraHeaders = [] }: Refusal): Refusal {
  const needed = statusCode === 401 ? extraHeaders.slice(0, 1) : [];
  return { statusCode, extraHeaders: needed };
}
