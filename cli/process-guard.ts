import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/**
 * Makes sure that children do not outlive this process, however it ends: a shell of 1 MB waits for
 * the end of a pipe that only we hold, then ends every process group that was entrusted to it. This
 * works for programs that know nothing of it, such as livekit-server.
 */
export interface ProcessGuard {
  /** `group`: pid of a child that was spawned `detached`, so that it leads its process group. */
  watch(group: number): void;
  release(group: number): void;
}

export function createProcessGuard(): ProcessGuard {
  const child = spawn('/bin/sh', [fileURLToPath(new URL('guard.sh', import.meta.url))], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  // Without the guard everything still works; only a kill -9 of this process would leave orphans.
  child.on('error', () => {});
  child.stdin.on('error', () => {});
  child.unref();
  if ('unref' in child.stdin) (child.stdin as unknown as { unref(): void }).unref();
  return {
    watch: (group) => void child.stdin.write(`+ ${group}\n`),
    release: (group) => void child.stdin.write(`- ${group}\n`),
  };
}
