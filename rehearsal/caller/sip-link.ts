import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, isIPv6 } from 'node:net';
import type { Transport } from 'sip.js/lib/core/index.js';
import { retransmit } from '../../ingress/sip/signalling/retransmit.ts';
import { TcpFramer } from '../../ingress/sip/signalling/tcp-framer.ts';

const MAX_MESSAGE_BYTES = 65_536;

/** One caller's way to one SIP server: SIP.js's `Transport` plus what it hears back. */
export interface SipLink extends Transport {
  readonly protocol: 'UDP' | 'TCP';
  /** Our address as the server sees it, for Via, Contact and SDP. */
  readonly local: { readonly address: string; readonly port: number };
  readonly remoteAddress: string;
  close(): void;
}

export interface SipLinkOptions {
  readonly transport: 'udp' | 'tcp';
  /** A name or an address, without brackets. */
  readonly host: string;
  readonly port: number;
  readonly onMessage: (text: string) => void;
  /** The server cannot be reached (any more); no message will follow. */
  readonly onError: (error: Error) => void;
}

/** Opens a socket to the server. Rejects when its name is unknown or a TCP connection refused. */
export function openSipLink(options: SipLinkOptions): Promise<SipLink> {
  return options.transport === 'udp' ? openUdp(options) : openTcp(options);
}

async function openUdp({ host, port, onMessage, onError }: SipLinkOptions): Promise<SipLink> {
  const socket = createSocket({ type: isIPv6(host) ? 'udp6' : 'udp4', recvBufferSize: 1 << 20 });
  // Connected, so that an ICMP "port unreachable" is an error at once and not a minute's silence.
  socket.connect(port, host);
  try {
    await once(socket, 'connect');
  } catch (error) {
    socket.close();
    throw error;
  }
  const retransmissions = createRetransmissions((text) => {
    socket.send(text);
  });
  socket.on('error', onError);
  socket.on('message', (data) => {
    const text = data.toString('utf8');
    retransmissions.received(text);
    onMessage(text);
  });
  let open = true;
  const { address, port: localPort } = socket.address();
  return {
    protocol: 'UDP',
    local: { address, port: localPort },
    remoteAddress: socket.remoteAddress().address,
    send(text) {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      socket.send(text, (error) => (error ? reject(error) : resolve()));
      retransmissions.sent(text);
      return promise;
    },
    close() {
      if (!open) return;
      open = false;
      retransmissions.stop();
      socket.close();
    },
  };
}

/** RFC 3261's timers A and E, for each request of ours until it is answered. */
function createRetransmissions(resend: (text: string) => void) {
  const stops = new Map<string, () => void>();
  const forget = (key: string): void => {
    stops.get(key)?.();
    stops.delete(key);
  };
  return {
    sent(text: string): void {
      const key = transactionOf(text);
      if (!key || text.startsWith('SIP/2.0') || text.startsWith('ACK ')) return;
      forget(key);
      stops.set(
        key,
        retransmit(() => resend(text), key.endsWith('INVITE') ? Infinity : undefined),
      );
    },
    received(text: string): void {
      const key = text.startsWith('SIP/2.0') ? transactionOf(text) : undefined;
      if (key) forget(key);
    },
    stop(): void {
      for (const key of stops.keys()) forget(key);
    },
  };
}

/** Top Via branch and CSeq method: what matches a response to its request (RFC 3261 §17.1.3). */
function transactionOf(text: string): string | undefined {
  const branch = /^v(?:ia)?\s*:[^\r\n]*?;\s*branch=([^;,\s]+)/im.exec(text)?.[1];
  const method = /^cseq\s*:\s*\d+\s+(\w+)/im.exec(text)?.[1];
  return branch && method ? `${branch} ${method}` : undefined;
}

async function openTcp({ host, port, onMessage, onError }: SipLinkOptions): Promise<SipLink> {
  const socket = connect({ host, port, noDelay: true });
  await once(socket, 'connect');
  const frames = createFramer(onMessage);
  let open = true;
  socket.on('error', onError);
  socket.on('data', (data) => {
    try {
      frames(data);
    } catch (error) {
      socket.destroy(error instanceof Error ? error : new Error(String(error)));
    }
  });
  socket.on('close', () => {
    if (open) onError(new Error('the server closed the connection'));
  });
  return {
    protocol: 'TCP',
    local: { address: socket.localAddress ?? '127.0.0.1', port: socket.localPort ?? 0 },
    remoteAddress: socket.remoteAddress ?? '127.0.0.1',
    send(text) {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      socket.write(text, (error) => (error ? reject(error) : resolve()));
      return promise;
    },
    close() {
      open = false;
      socket.end();
    },
  };
}

/** Cuts a byte stream into SIP messages. */
export function createFramer(onMessage: (text: string) => void): (data: Buffer) => void {
  const framer = new TcpFramer(MAX_MESSAGE_BYTES);
  return (data) => {
    for (const frame of framer.push(data)) {
      if (frame.kind === 'message') onMessage(frame.raw.toString('utf8'));
      if (frame.kind === 'broken') throw new Error('SIP message without an end, or too long');
    }
  };
}
