import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { once } from 'node:events';
import { isIP } from 'node:net';
import type { Logger } from 'pino';
import type { Flow, Receive } from './flow.ts';
import { localAddressFor } from './local-address.ts';

export interface TransportOptions {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** Address to give out instead of the socket's own, behind a 1:1 NAT. */
  readonly advertisedAddress: string | undefined;
  readonly receive: Receive;
  /** Whether the trunk's list names the address; left out: all are named. */
  readonly isListed?: (address: string) => boolean;
  readonly log: Logger;
}

/**
 * SIP over UDP (RFC 3261 §18). Answers go back to the address and port a request came from, as if
 * every client had asked for `rport` (RFC 3581): the only way through a NAT.
 */
export class UdpTransport {
  readonly #socket: Socket;
  readonly #options: TransportOptions;

  private constructor(socket: Socket, options: TransportOptions) {
    this.#socket = socket;
    this.#options = options;
  }

  /** @throws the socket's error when the address is taken or not ours */
  static async open(options: TransportOptions): Promise<UdpTransport> {
    const socket = createSocket({
      type: options.host.includes(':') ? 'udp6' : 'udp4',
      // Only addresses are sent to. Without a resolver an answer leaves at once, before whatever
      // the process does next.
      lookup: (address, _options, callback) => {
        callback(null, address, isIP(address) === 6 ? 6 : 4);
      },
    });
    const transport = new UdpTransport(socket, options);
    const listening = once(socket, 'listening');
    socket.bind(options.port, options.host);
    await listening;
    // ICMP errors of a peer that is gone come up here; the transaction's timer deals with them.
    socket.on('error', (error) => options.log.warn({ err: error }, 'SIP socket error'));
    socket.on('message', (raw, remote) => {
      options.receive(raw, transport.flowTo(remote.address, remote.port));
    });
    return transport;
  }

  get port(): number {
    return this.#socket.address().port;
  }

  flowTo(remoteAddress: string, remotePort: number): Flow {
    const { host, advertisedAddress } = this.#options;
    return {
      protocol: 'UDP',
      remoteAddress,
      remotePort,
      localAddress: advertisedAddress ?? localAddressFor(host, remoteAddress),
      localPort: this.port,
      isOpen: true,
      send: (message) => this.#send(message, remoteAddress, remotePort),
    };
  }

  #send(message: string, address: string, port: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#socket.send(Buffer.from(message, 'latin1'), port, address, (error) =>
        error ? reject(error) : resolve(),
      );
    });
  }

  async close(): Promise<void> {
    const closed = once(this.#socket, 'close');
    this.#socket.close();
    await closed;
  }
}
