import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, onTestFinished, test } from 'vitest';

const MAIN = join(import.meta.dirname, 'main.ts');
/** Nothing listens there, which UDP says at once. */
const NOBODY = ['--to', 'sip:1@127.0.0.1:1'];

/** In a folder whose configuration is wrong. */
async function call(args: readonly string[], isRead = true) {
  const cwd = mkdtempSync(join(tmpdir(), 'trunkline-call-'));
  onTestFinished(() => rmSync(cwd, { recursive: true }));
  writeFileSync(join(cwd, '.env'), 'TRUNKLINE_SIP_PORT=x\n');
  const stdio = ['ignore', 'pipe', 'pipe'] as const;
  const child = spawn(process.execPath, [MAIN, ...args], { cwd, stdio: [...stdio] });
  onTestFinished(() => void child.kill());
  if (!isRead) child.stdout.destroy();
  const [said, printed, [code]] = await Promise.all([
    text(child.stderr),
    isRead ? text(child.stdout) : '',
    once(child, 'exit'),
  ]);
  return { code: code as unknown, said, printed };
}

test('does not dial the local endpoint with a configuration that is wrong, and says what is', async () => {
  expect(await call([])).toEqual({
    code: 1,
    said: expect.stringMatching(/^The configuration has .*TRUNKLINE_SIP_PORT should be a port/s),
    printed: '',
  });
});

test('an address elsewhere is dialled whatever the configuration is', async () => {
  const { code, said, printed } = await call(NOBODY);
  expect([code, said]).toEqual([1, '']);
  expect(printed).toContain('nothing listens at 127.0.0.1:1');
});

test('ends quietly when nobody reads what it says', async () => {
  expect(await call(NOBODY, false)).toMatchObject({ code: 1, said: '' });
});

test('an argument that makes no sense is no call that failed', async () => {
  expect(await call(['--codec', 'opus'])).toMatchObject({
    code: 2,
    said: '--codec is PCMU or PCMA\n',
  });
});
