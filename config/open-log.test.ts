import { spawnSync } from 'node:child_process';
import { openSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const SCRIPT = `
  import { openLog } from ${JSON.stringify(join(import.meta.dirname, 'open-log.ts'))};
  const log = openLog('probe', 'info');
  for (let n = 0; n < 10; n += 1) {
    log.info({ n }, 'a line');
    process.stdout.write('a line of a library\\n');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  log.info('the last line');
  process.stderr.write('alive');
  process.exit(7);`;

const run = (stdout: 'pipe' | number) =>
  spawnSync(process.execPath, ['--input-type=module', '-e', SCRIPT], {
    stdio: ['ignore', stdout, 'pipe'],
    encoding: 'utf8',
    timeout: 20_000,
  });

test('every line is on stdout, also the last before the end', () => {
  const { stdout } = run('pipe');
  expect(stdout.split('\n').filter((line) => line.includes('"n":'))).toHaveLength(10);
  expect(stdout).toContain('the last line');
});

test('a full disk behind stdout neither ends the process nor keeps it from ending', () => {
  expect(run(openSync('/dev/full', 'w'))).toMatchObject({ stderr: 'alive', status: 7 });
});
