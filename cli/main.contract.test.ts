import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, onTestFinished, test, vi } from 'vitest';
import { KEY, startTestApp } from '../api/fixtures/test-app.ts';
import { eventsOf } from '../webhooks/in/fixtures/histories.ts';

const MAIN = join(import.meta.dirname, 'main.ts');

async function startCalls(action: string, stdout: 'pipe' | number) {
  const app = await startTestApp();
  await app.ledger.record(eventsOf('inbound-novofon-caller-bye'));
  const args = [MAIN, 'calls', action, '--url', app.url, '--key', KEY];
  const child = spawn(process.execPath, args, { stdio: ['ignore', stdout, 'pipe'] });
  onTestFinished(async () => {
    child.kill();
    await app.close();
  });
  const said = child.stderr ? text(child.stderr) : '';
  const ended = once(child, 'exit').then(async ([code]) => [code, await said]);
  return { app, child, ended };
}

test('trunkline calls watch | head: ends quietly when nobody reads any more', async () => {
  const { app, child, ended } = await startCalls('watch', 'pipe');
  await vi.waitFor(
    async () =>
      expect(await (await fetch(`${app.url}/metrics`)).text()).toContain('trunkline_sse_clients 1'),
    { timeout: 30_000 },
  );
  child.stdout?.destroy();
  await app.ledger.record(eventsOf('inbound-agent-side-room-deleted'));
  expect(await ended).toEqual([128 + constants.signals.SIGPIPE, '']);
});

test('trunkline calls > a full disk: says so', async () => {
  const { ended } = await startCalls('list', openSync('/dev/full', 'w'));
  expect(await ended).toEqual([1, expect.stringMatching(/^The output cannot be written: ENOSPC/)]);
});
