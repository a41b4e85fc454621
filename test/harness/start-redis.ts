import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { waitFor } from './wait-for.ts';
import { createProcessGuard } from '../../cli/process-guard.ts';

/** A Redis of a test's own, on loopback. */
export interface TestRedis extends AsyncDisposable {
  /** SIGKILL; twice is fine. */
  kill(): Promise<void>;
}

/**
 * Starts Redis and waits until it listens.
 *
 * @param port that nobody has
 * @param shell what starts it, `redis-server …`; default: one that keeps nothing
 */
export async function startRedis(
  port: number,
  shell = 'exec redis-server --save ""',
  options: { readonly cwd?: string; readonly env?: Record<string, string> } = {},
): Promise<TestRedis> {
  const guard = createProcessGuard();
  const child = spawn('sh', ['-c', `${shell} --port ${port} --bind 127.0.0.1`], {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    detached: true,
    stdio: 'ignore',
  });
  const exited = once(child, 'exit');
  const { pid } = child;
  if (pid === undefined) throw new Error('redis-server did not start');
  guard.watch(pid);
  const kill = async () => {
    child.kill('SIGKILL');
    await exited;
    guard.release(pid);
  };
  try {
    await waitFor(() => listens(port), { what: 'redis to listen' });
  } catch (error) {
    await kill();
    throw error;
  }
  return { kill, [Symbol.asyncDispose]: kill };
}

async function listens(port: number): Promise<boolean> {
  const socket = connect({ host: '127.0.0.1', port });
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
