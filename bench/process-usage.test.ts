import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { cpuSecondsOf, parseStat, pssOf } from './process-usage.ts';

test('reads /proc/<pid>/stat, whatever the command is called', () => {
  const line = '42 (a (b) c) S 7 42 42 0 -1 4194304 9 9 9 9 150 50 25 25 20 0 1 0 100 0 0';
  expect(parseStat(line)).toEqual({ pid: 42, parent: 7, cpuSeconds: 2.5 });
});

test('counts a process with its children, and forgets it when it is gone', async () => {
  const shell = spawn('sh', ['-c', 'echo ready; cat; true'], { stdio: ['pipe', 'pipe', 'ignore'] });
  await once(shell.stdout, 'data');
  const roots = new Map([['shell', shell.pid ?? 0]]);
  const own = pssOf(new Map([['self', process.pid]]));
  expect(pssOf(roots).get('shell')).toBeGreaterThan(0);
  expect(own.get('self')).toBeGreaterThan(pssOf(roots).get('shell') ?? 0);
  expect(cpuSecondsOf(new Map([['self', process.pid]])).get('self')).toBeGreaterThan(0);
  shell.stdin.end();
  await once(shell, 'exit');
  expect(pssOf(roots).get('shell')).toBe(0);
});
