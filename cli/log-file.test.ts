import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { fullDisk } from '../test/harness/full-disk.ts';
import { openLogFile } from './log-file.ts';

test('a disk that is full, and a folder that is removed, cost lines only', async () => {
  const disk = fullDisk(256);
  const path = join(disk.dir, 'logs', 'api.log');
  const log = openLogFile(path);
  onTestFinished(() => log.close());
  log.write('before\n');
  disk.free();
  const untilWritten = (line: string) =>
    vi.waitFor(
      () => {
        log.write(`${line}\n`);
        expect(readFileSync(path, 'utf8')).toContain(line);
      },
      { timeout: 10_000, interval: 50 },
    );
  await untilWritten('room again');
  disk.fill();
  for (let n = 0; n < 2_000; n += 1) log.write(`${'x'.repeat(100)}\n`);
  disk.free();
  await untilWritten('and again');
  rmSync(join(disk.dir, 'logs'), { recursive: true });
  disk.fill();
  log.write('lost\n');
  disk.free();
});

test('a folder that can be none stops nobody', async () => {
  const log = openLogFile('/proc/x/api.log');
  log.write('lost\n');
  await log.close();
});
