import type { Logger } from 'pino';
import type { IncomingInviteRequest } from 'sip.js/lib/core/index.js';
import type { Reporter } from '../../calls/reporter.ts';
import type { Config } from '../../config/config.ts';
import type { OpenLeg } from './call-leg.ts';
import { Calls } from './calls.ts';
import { allowHeader, checkSupport, checkSyntax } from './check-request.ts';
import type { Refusal } from './check-request.ts';
import type { Flow } from './flow.ts';
import { MAX_MESSAGE_BYTES } from './flow.ts';
import { Gate } from './gate.ts';
import type { Decision } from './gate.ts';
import { isResponse, readMessage, readRequestLine } from './message.ts';
import type { SipMessage } from './message.ts';
import { SipMetrics } from './metrics.ts';
import { statelessReply } from './stateless-reply.ts';
import { TcpTransport } from './tcp-transport.ts';
import { UdpTransport } from './udp-transport.ts';
import { UserAgent } from './user-agent.ts';

const USER_AGENT = 'Trunkline';
/** How long to wait after the last BYE for its answer, ms. */
const GOODBYE_MS = 500;
const ANY_PORT_ATTEMPTS = 10;

export interface EndpointOptions {
  readonly config: Pick<Config, 'livekit' | 'agentName' | 'sip' | 'worker' | 'lines'>;
  readonly openLeg: OpenLeg;
  readonly reporter: Pick<Reporter, 'report'>;
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
  /** The INVITE that SIP.js is being handed, as it came. */
  #message: SipMessage | undefined;
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
    this.#calls = new Calls({
      ...options,
      userAgent: this.#userAgent,
      metrics: this.metrics,
      reach: async (protocol, address, port) => {
        if (!this.#udp || !this.#tcp) throw new Error('the SIP endpoint is closed');
        return protocol === 'TCP'
          ? this.#tcp.connectTo(address, port)
          : this.#udp.flowTo(address, port);
      },
    });
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
    this.#userAgent.dispose();
    await Promise.all([this.#udp?.close(), this.#tcp?.close()]);
  }

  #receive(raw: Buffer, flow: Flow): void {
    const message = readMessage(raw);
    if (!message) return;
    try {
      if (isResponse(message)) this.#userAgent.receiveResponse(message, flow);
      else this.#receiveRequest(message, raw.length, flow);
    } catch (error) {
      // SIP.js throws where a message contradicts its state; the message is at fault.
      this.#options.log.warn({ err: error, from: flow.remoteAddress }, 'SIP message not processed');
      this.#refuse(message, flow, { statusCode: 500 });
    }
  }

  #receiveRequest(message: SipMessage, bytes: number, flow: Flow): void {
    if (!this.#passes(message, flow, this.#gate.screen(message, flow.remoteAddress))) return;
    const line = readRequestLine(message);
    if (!line) {
      this.#refuse(message, flow, { statusCode: 400, reasonPhrase: 'Malformed Request-Line' });
      return;
    }
    const refusal =
      (bytes > MAX_MESSAGE_BYTES ? { statusCode: 513 } : undefined) ??
      checkSyntax(message, line) ??
      checkSupport(message, line);
    const request = refusal ? undefined : this.#userAgent.parseRequest(message, flow);
    if (!request) {
      this.#refuse(message, flow, refusal ?? { statusCode: 400 });
      return;
    }
    const isNew = !this.#userAgent.isKnown(request) && line.method !== 'CANCEL';
    if (isNew && request.toTag && !this.#userAgent.isInDialog(request)) {
      this.#refuse(message, flow, { statusCode: 481 });
      return;
    }
    if (line.method === 'OPTIONS') {
      this.#refuse(message, flow, this.#capabilities());
      return;
    }
    // RFC 6086 §4.2: INFO lives in calls only.
    if (isNew && !request.toTag && line.method === 'INFO') {
      this.#refuse(message, flow, { statusCode: 481 });
      return;
    }
    if (isNew && !request.toTag && line.method === 'INVITE') {
      if (!this.#isCallable(request, message, flow)) return;
    }
    this.#message = message;
    this.#userAgent.receiveRequest(request, flow);
  }

  /** For the INVITE of a new call, before anything is kept for it. */
  #isCallable(
    request: { parseHeader(name: string): unknown },
    message: SipMessage,
    flow: Flow,
  ): boolean {
    if (this.#draining) {
      this.#refuse(message, flow, { statusCode: 503, extraHeaders: ['Retry-After: 30'] });
      return false;
    }
    const contact = request.parseHeader('contact');
    if (typeof contact !== 'object' || contact === null) {
      this.#refuse(message, flow, { statusCode: 400, reasonPhrase: 'Missing contact Header' });
      return false;
    }
    return this.#passes(message, flow, this.#gate.admit(message, flow.remoteAddress));
  }

  #passes(message: SipMessage, flow: Flow, decision: Decision): boolean {
    if (decision === 'pass') return true;
    if (decision === 'drop') this.metrics.dropped.inc();
    else this.#refuse(message, flow, decision);
    return false;
  }

  #onInvite(request: IncomingInviteRequest, flow: Flow): void {
    const message = this.#message;
    if (message) this.#calls.take(request, message, flow);
  }

  /** RFC 3261 §11.2; what a trunk's monitoring asks. */
  #capabilities(): Refusal {
    if (this.#draining) return { statusCode: 503, extraHeaders: ['Retry-After: 30'] };
    const extraHeaders = [allowHeader(), 'Accept: application/sdp', 'Accept-Encoding: identity'];
    return { statusCode: 200, extraHeaders };
  }

  /** An answer without a transaction. */
  #refuse(message: SipMessage, flow: Flow, refusal: Refusal): void {
    const { remoteAddress: address, remotePort: port } = flow;
    const reply = statelessReply(message, { address, port }, refusal);
    if (reply === undefined || !this.#gate.mayRefuse(address)) return;
    if (refusal.statusCode !== 200) this.metrics.refused.inc({ code: refusal.statusCode });
    void flow.send(reply).catch((error: unknown) => {
      this.#options.log.debug({ err: error }, 'SIP answer could not be sent');
    });
  }
}
