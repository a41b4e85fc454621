import { createSocket } from 'node:dgram';
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
    const socket = createSocket('udp4');
    socket.once('error', reject);
    socket.bind({ port, address: host, exclusive: true }, () => socket.close(() => resolve()));
  });
}

/**
 * First of `count` consecutive ports that are free for TCP and UDP on loopback, even. They are taken
 * below the range from which systems number outgoing connections (32768 and up on Linux), so that
 * nothing but another such search can take them before they are used.
 */
export async function findFreePorts(count: number): Promise<number> {
  for (let tries = 0; tries < 200; tries++) {
    const first = 2 * Math.floor((20_000 + Math.random() * (12_000 - count)) / 2);
    const ports = Array.from({ length: count }, (_, index) => first + index);
    try {
      for (const port of ports) {
        await probeTcp(port);
        await probeUdp(port);
      }
      return first;
    } catch {
      // Taken: another block.
    }
  }
  throw new Error(`no ${count} consecutive free ports between 20000 and 32000 on ${HOST}`);
}
