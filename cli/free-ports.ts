import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';

const HOST = '127.0.0.1';

/** Rejects with the system's error (`EADDRINUSE`, `EACCES` …) when the port cannot be bound. */
export function probeTcp(port: number, host = HOST): Promise<void> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve()));
  });
}

/** Rejects with the system's error (`EADDRINUSE`, `EACCES` …) when the port cannot be bound. */
export function probeUdp(port: number, host = HOST): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
    socket.once('error', reject);
    socket.bind({ port, address: host, exclusive: true }, () => socket.close(() => resolve()));
  });
}

const BLOCKS = { from: 20_000, to: 32_000, size: 400 };
let block = { next: 0, end: 0 };

/**
 * First of `count` consecutive ports that are free for TCP and UDP on loopback, even. They are taken
 * below the range from which systems number outgoing connections (32768 and up on Linux), and from
 * a block that is this process's until it ends, so that nobody else finds them free before they are
 * used.
 */
export async function findFreePorts(count: number): Promise<number> {
  for (let tries = 0; tries < 200; tries++) {
    const first = block.next;
    if (first + count > block.end) {
      block = await reserveBlock();
      continue;
    }
    block.next = first + count + (count % 2);
    const ports = Array.from({ length: count }, (_, index) => first + index);
    try {
      for (const port of ports) {
        await probeTcp(port);
        await probeUdp(port);
      }
      return first;
    } catch {
      // Taken: the next ones.
    }
  }
  throw new Error(`no ${count} free ports between ${BLOCKS.from} and ${BLOCKS.to} on ${HOST}`);
}

/** Whoever listens on a block's first port has all of it. */
async function reserveBlock(): Promise<typeof block> {
  const { from, to, size } = BLOCKS;
  const first = from + size * Math.floor(Math.random() * ((to - from) / size));
  const server = createServer();
  server.listen({ port: first, host: HOST, exclusive: true }).unref();
  try {
    await once(server, 'listening');
    return { next: first + 2, end: first + size };
  } catch {
    return { next: 0, end: 0 }; // another's
  }
}
