import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import type { CallResult } from '../rehearsal/caller/call-events.ts';
import { placeCall } from '../rehearsal/caller/place-call.ts';
import { finalRecord, said } from './harness/call-records.ts';
import { callsThatFit } from './harness/calls-that-fit.ts';
import { RATE } from './harness/caller-speech.ts';
import { expectUnderstood } from './harness/expect-understood.ts';
import { useTestStack } from './harness/use-test-stack.ts';
import { useVoice } from './harness/use-voice.ts';
import { waitFor } from './harness/wait-for.ts';

const CALL = fileURLToPath(new URL('../rehearsal/caller/main.ts', import.meta.url));
const WORDS = ["I'd like to book a table.", 'For two people.'];
/** Measured before the stack starts. */
const CALLS = await callsThatFit(10);
const stackOf = useTestStack({ env: { TRUNKLINE_MAX_CALLS: '12' } });

const voiceOf = useVoice(stackOf);

test('npm run call: a table is booked', async () => {
  const { dataDir, sip } = stackOf();
  const port = sip.split(':')[1];
  const record = join(dataDir, 'call.wav');
  const child = spawn(process.execPath, [CALL, '--json', '--record', record], {
    env: { ...process.env, TRUNKLINE_SIP_PORT: port, TRUNKLINE_DATA_DIR: dataDir },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (output += chunk));
  const [code] = (await once(child, 'close')) as [number];
  const lines = output
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown);
  const result = lines.at(-1) as CallResult;
  expect(result.turns.filter(({ missed }) => missed)).toEqual([]);
  expect(result.outcome).toBe('completed');
  expect(code).toBe(0);

  const call = await finalRecord(stackOf(), '+12025550123');
  expect(call).toMatchObject({ state: 'ended', to: '+10000000000' });
  expect(said(call, 'caller')).toEqual(result.turns.map(({ text }) => text));
  expect(said(call, 'agent').join(' ')).toContain('Anna');
});

test('ten calls at once, or as many as the machine can bear: none lost, none silent', async () => {
  process.stderr.write(`${CALLS} calls at once\n`);
  const callers = Array.from({ length: CALLS }, (_, index) => `+1202555${String(200 + index)}0`);
  const greeted = new Set<string>();
  // Setting up so many takes all of a small machine: they talk when all have been answered.
  const allGreeted = waitFor(() => greeted.size === callers.length, {
    timeout: 60_000,
    what: 'all callers to be greeted',
  });
  const results = await Promise.all(
    callers.map((from) =>
      placeCall({
        to: `sip:+12025550199@${stackOf().sip}`,
        from,
        say: WORDS,
        silentUntil: allGreeted,
        onEvent: ({ type }) => type === 'reply' && greeted.add(from),
        voice: (text) => voiceOf().speak(text, { speaker: 'caller', sampleRate: RATE }),
      }),
    ),
  );
  expect(results.map(({ outcome }) => outcome)).toEqual(callers.map(() => 'completed'));
  expect(results.flatMap(({ turns }) => turns.filter(({ missed }) => missed))).toEqual([]);

  const heard: string[] = [];
  for (const from of callers) {
    const call = await finalRecord(stackOf(), from);
    expect(call).toMatchObject({ from, state: 'ended', endReason: 'caller_hangup' });
    expect(said(call, 'agent').length).toBeGreaterThanOrEqual(3);
    heard.push(...said(call, 'caller'));
  }
  expectUnderstood(
    heard,
    callers.flatMap(() => WORDS),
  );
});
