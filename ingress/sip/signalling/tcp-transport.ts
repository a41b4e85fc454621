import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { MAX_MESSAGE_BYTES } from './flow.ts';
import type { Flow } from './flow.ts';
import { localAddressFor } from './local-address.ts';
import { readMessage } from './message.ts';
import { statelessReply } from './stateless-reply.ts';
import { TcpFramer } from './tcp-framer.ts';
import type { TransportOptions } from './udp-transport.ts';

const MAX_CONNECTIONS = 256;
const MAX_CONNECTIONS_PER_ADDRESS = 64;
/** Of addresses that the trunk's list does not name; the others' places are not for them. */
const MAX_CONNECTIONS_OF_STRANGERS = 64;
/** A connection whose message is not whole after that is dropped, however its bytes trickle in, ms. */
const MESSAGE_MS = 10_000;
/** A call keeps its connection while nothing is sent on it, ms. */
const IDLE_MS = 3_600_000;
const CONNECT_MS = 5_000;

/** SIP over TCP (RFC 3261 §18): messages framed by Content-Length, answers on the same connection. */
export class TcpTransport {
  readonly #server: Server;
  readonly #options: TransportOptions;
  readonly #sockets = new Set<Socket>();

  private constructor(options: TransportOptions) {
    this.#options = options;
    this.#server = createServer({ noDelay: true, keepAlive: true }, (socket) => {
      if (this.#isCrowded(socket.remoteAddress)) socket.destroy();
      else this.#adopt(socket);
    });
  }

  /** @throws the socket's error when the address is taken or not ours */
  static async open(options: TransportOptions): Promise<TcpTransport> {
    const transport = new TcpTransport(options);
    transport.#server.listen(options.port, options.host);
    await once(transport.#server, 'listening');
    return transport;
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address ? address.port : this.#options.port;
  }

  /** A new connection, for a request to a peer whose own is gone. @throws when it is refused */
  async connectTo(address: string, port: number): Promise<Flow> {
    const socket = connect({ host: address, port, noDelay: true });
    socket.setTimeout(CONNECT_MS, () => socket.destroy(new Error('SIP connection timed out')));
    await once(socket, 'connect');
    return this.#adopt(socket);
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #isCrowded(address = ''): boolean {
    const { isListed = () => true } = this.#options;
    const others = [...this.#sockets].map(({ remoteAddress = '' }) => remoteAddress);
    const strangers = others.filter((other) => !isListed(other)).length;
    if (!isListed(address) && strangers >= MAX_CONNECTIONS_OF_STRANGERS) return true;
    const same = others.filter((other) => other === address).length;
    return others.length - strangers >= MAX_CONNECTIONS || same >= MAX_CONNECTIONS_PER_ADDRESS;
  }

  #adopt(socket: Socket): Flow {
    const { log, receive } = this.#options;
    const framer = new TcpFramer(MAX_MESSAGE_BYTES);
    const flow = this.#flow(socket);
    this.#sockets.add(socket);
    socket.setTimeout(IDLE_MS, () => socket.destroy());
    const limit = () => setTimeout(() => socket.destroy(), MESSAGE_MS);
    let unfinished: NodeJS.Timeout | undefined = limit();
    socket.on('error', (error) => log.debug({ err: error }, 'SIP connection error'));
    socket.on('close', () => {
      clearTimeout(unfinished);
      this.#sockets.delete(socket);
    });
    socket.on('data', (chunk) => {
      for (const frame of framer.push(chunk)) {
        clearTimeout(unfinished);
        unfinished = undefined;
        if (frame.kind === 'message') receive(frame.raw, flow);
        else if (frame.kind === 'ping') socket.write('\r\n');
        else giveUp(socket, frame.raw, frame.reason);
      }
      if (framer.isMidMessage && !socket.destroyed) unfinished ??= limit();
    });
    return flow;
  }

  #flow(socket: Socket): Flow {
    const remoteAddress = socket.remoteAddress ?? '';
    const { host, advertisedAddress } = this.#options;
    return {
      protocol: 'TCP',
      remoteAddress,
      remotePort: socket.remotePort ?? 0,
      localAddress:
        advertisedAddress ?? socket.localAddress ?? localAddressFor(host, remoteAddress),
      localPort: this.port,
      get isOpen() {
        return socket.writable;
      },
      send: (message) =>
        new Promise((resolve, reject) => {
          if (!socket.writable) {
            reject(new Error('SIP connection is closed'));
            return;
          }
          socket.write(message, 'latin1', (error) => (error ? reject(error) : resolve()));
        }),
    };
  }
}

/** The next message's start is unknown: one answer if it was a request, then the end. */
function giveUp(socket: Socket, raw: Buffer, reason: 'no_length' | 'too_large'): void {
  const message = readMessage(raw);
  const source = { address: socket.remoteAddress ?? '', port: socket.remotePort ?? 0 };
  const refusal =
    reason === 'too_large'
      ? { statusCode: 513 }
      : { statusCode: 400, reasonPhrase: 'Missing content-length Header' };
  const reply = message && statelessReply(message, source, refusal);
  socket.end(reply ?? '', 'latin1', () => socket.destroy());
}
