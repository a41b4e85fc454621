import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { Socket } from 'node:net';
import { findFreePorts } from '../../cli/free-ports.ts';
import type { TestLivekit } from './start-livekit.ts';
import { startLivekit } from './start-livekit.ts';
import { startRedis } from './start-redis.ts';

/** Two livekit-servers on one Redis, behind one address that leads to a node that lives. */
export interface TestCluster extends AsyncDisposable {
  /** ws:// */
  readonly url: string;
  readonly nodes: readonly [TestLivekit, TestLivekit];
}

export async function startCluster(options: {
  readonly apiKey: string;
  readonly apiSecret: string;
  readonly webhookUrl: string;
}): Promise<TestCluster> {
  const redisPort = await findFreePorts(1);
  const redis = await startRedis(redisPort);
  const node = () => startLivekit({ ...options, redisPort });
  const nodes = [await node(), await node()] as const;
  const balancer = await balance(nodes.map(({ url }) => Number(new URL(url).port)));
  return {
    url: `ws://127.0.0.1:${balancer.port}`,
    nodes,
    async [Symbol.asyncDispose]() {
      balancer.close();
      await Promise.all(nodes.map((one) => one.stop()));
      await redis.kill();
    },
  };
}

/** Leads each connection to the first of the ports that answers. */
async function balance(ports: readonly number[]): Promise<{ port: number; close(): void }> {
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    sockets.add(client);
    client.on('error', () => client.destroy());
    client.once('close', () => sockets.delete(client));
    const lead = ([port, ...others]: readonly number[]): void => {
      if (port === undefined) {
        client.destroy();
        return;
      }
      const target = connect(port, '127.0.0.1');
      target.once('error', () => lead(others));
      target.once('connect', () => {
        target.removeAllListeners('error');
        target.on('error', () => client.destroy());
        target.once('close', () => client.destroy());
        client.once('close', () => target.destroy());
        client.pipe(target).pipe(client);
      });
    };
    lead(ports);
  });
  const port = await findFreePorts(1);
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    port,
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
