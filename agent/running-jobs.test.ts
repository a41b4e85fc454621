import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { RunningJobs } from './running-jobs.ts';

const JOB = { id: 'AJ_1', workerId: 'AW_1', room: { name: 'call-1', sid: 'RM_1' } };

let dataDir: string;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'jobs-'));
});
afterEach(() => rmSync(dataDir, { recursive: true }));

function dieWith(id: string): void {
  const script = `
    import { RunningJobs } from ${JSON.stringify(join(import.meta.dirname, 'running-jobs.ts'))};
    new RunningJobs(${JSON.stringify(dataDir)}).begin(${JSON.stringify({ ...JOB, id })});
    process.kill(process.pid, 'SIGKILL');`;
  spawnSync(process.execPath, ['--input-type=module', '-e', script]);
}

test('the jobs of a process that was killed are given out, once', () => {
  dieWith('AJ_1');
  dieWith('AJ_2');
  const worker = new RunningJobs(dataDir);
  expect(worker.takeLost()).toEqual([JOB, { ...JOB, id: 'AJ_2' }]);
  expect(worker.takeLost()).toEqual([]);
});

test('jobs that run, and those that have ended, are not lost', () => {
  const host = new RunningJobs(dataDir);
  host.begin(JOB);
  host.begin({ ...JOB, id: 'AJ_2' });
  host.end('AJ_2');
  expect(new RunningJobs(dataDir).takeLost()).toEqual([]);
  expect(readdirSync(join(dataDir, 'worker-jobs'))).toHaveLength(1);
});

test('what is no entry is left alone', () => {
  const jobs = new RunningJobs(dataDir);
  writeFileSync(join(dataDir, 'worker-jobs', 'AJ_3.json'), '{"pid"');
  expect(jobs.takeLost()).toEqual([]);
});
