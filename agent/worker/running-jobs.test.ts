import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { fullDisk } from '../../test/harness/full-disk.ts';
import { RunningJobs, reportLost } from './running-jobs.ts';

const log = pino({ level: 'silent' });
const JOB = { id: 'AJ_1', workerId: 'AW_1', room: { name: 'call-1', sid: 'RM_1' } };

let dataDir: string;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'jobs-'));
});
afterEach(() => rmSync(dataDir, { recursive: true }));

function dieWith(id: string): void {
  const script = `
    import { RunningJobs } from ${JSON.stringify(join(import.meta.dirname, 'running-jobs.ts'))};
    new RunningJobs(${JSON.stringify(dataDir)}, console).begin(${JSON.stringify({ ...JOB, id })});
    process.kill(process.pid, 'SIGKILL');`;
  spawnSync(process.execPath, ['--input-type=module', '-e', script]);
}

test('the jobs of a process that was killed are given out, once', () => {
  dieWith('AJ_1');
  dieWith('AJ_2');
  const worker = new RunningJobs(dataDir, log);
  expect(worker.takeLost()).toEqual([JOB, { ...JOB, id: 'AJ_2' }]);
  expect(worker.takeLost()).toEqual([]);
});

test('jobs that run, and those that have ended, are not lost', () => {
  const host = new RunningJobs(dataDir, log);
  host.begin(JOB);
  host.begin({ ...JOB, id: 'AJ_2' });
  host.end('AJ_2');
  expect(new RunningJobs(dataDir, log).takeLost()).toEqual([]);
  expect(readdirSync(join(dataDir, 'worker-jobs'))).toHaveLength(1);
});

test('what is no entry is left alone', () => {
  const jobs = new RunningJobs(dataDir, log);
  jobs.begin(JOB);
  writeFileSync(join(dataDir, 'worker-jobs', 'AJ_3.json'), '{"pid"');
  expect(jobs.takeLost()).toEqual([]);
});

test('what the disk refuses costs the note, and nothing else', async () => {
  const disk = fullDisk();
  const jobs = new RunningJobs(disk.dir, log);
  jobs.begin(JOB);
  jobs.end(JOB.id);
  expect(jobs.takeLost()).toEqual([]);
  disk.free();
  jobs.begin(JOB);
  expect(readdirSync(join(disk.dir, 'worker-jobs'))).toEqual(['AJ_1.json']);
  jobs.end(JOB.id);
  expect(readdirSync(join(disk.dir, 'worker-jobs'))).toEqual([]);
});

test('a data folder that is removed, or is none, stops nobody', () => {
  const jobs = new RunningJobs(dataDir, log);
  jobs.begin(JOB);
  rmSync(join(dataDir, 'worker-jobs'), { recursive: true });
  expect(jobs.takeLost()).toEqual([]);
  jobs.end(JOB.id);
  jobs.begin(JOB);
  expect(readdirSync(join(dataDir, 'worker-jobs'))).toHaveLength(1);
  for (const dir of ['/proc/x', process.execPath]) {
    const nowhere = new RunningJobs(dir, log);
    nowhere.begin(JOB);
    nowhere.end(JOB.id);
    expect(nowhere.takeLost()).toEqual([]);
  }
});

test('what a killed process had said is taken over before its end is told', () => {
  const done: string[] = [];
  const reporter = {
    adopt: () => void done.push('adopt'),
    report: (_call: object, { type }: { readonly type: string }) => void done.push(type),
  };
  reportLost([JOB], reporter);
  reportLost([], reporter);
  expect(done).toEqual(['adopt', 'agent.ended']);
});
