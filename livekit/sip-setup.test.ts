import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { SipSetupWatch } from './sip-setup.ts';
import type { SipSetup } from './sip-setup.ts';

const NUMBER = '+73433009243';
const TRUNK = { id: 'ST_1', numbers: ['878725', NUMBER] };
const RULE = { trunkIds: ['ST_1'] };
const WHOLE: SipSetup = { trunks: [TRUNK], rules: [RULE], outboundTrunkIds: ['ST_out'] };
const NOTHING: SipSetup = { trunks: [], rules: [], outboundTrunkIds: [] };

let dataDir: string;
let setup: SipSetup | Error;
let looks: string[];
let logged: [string, object, string][];
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'sip-setup-'));
  looks = [];
  logged = [];
});
afterEach(() => rmSync(dataDir, { recursive: true }));

const tell = (level: string) => (fields: object, message: string) =>
  void logged.push([level, fields, message]);

function start(outboundTrunkId?: string) {
  return new SipSetupWatch({
    livekit: {
      async sipSetup() {
        if (setup instanceof Error) throw setup;
        return setup;
      },
    },
    outboundTrunkId,
    dataDir,
    log: { info: tell('info'), warn: tell('warn'), error: tell('error') } as never,
    onLook: (state, lost) => looks.push(`${state} ${lost}`),
  });
}

/** What it says after two looks, and a third that changes nothing. */
async function after(watch: SipSetupWatch, next: SipSetup | Error): Promise<string> {
  setup = next;
  for (let n = 0; n < 3; n += 1) await watch.look();
  return looks.at(-1) ?? '';
}

test('what was there and is gone is an alarm, once, until it is back', async () => {
  const watch = start();
  expect(await after(watch, WHOLE)).toBe('ok 0');
  expect(await after(watch, NOTHING)).toBe('lost 2');
  expect(logged).toEqual([
    [
      'error',
      { lost: [NUMBER, '878725'], trunks: 0, rules: 0 },
      'LiveKit has lost a trunk or a dispatch rule',
    ],
  ]);
  expect(await after(watch, WHOLE)).toBe('ok 0');
  expect(logged.at(-1)?.[2]).toBe('LiveKit has its trunks and dispatch rules again');
  expect(logged).toHaveLength(2);
});

test('one look in which it is gone is none: a trunk is deleted and made anew', async () => {
  const watch = start();
  await after(watch, WHOLE);
  setup = NOTHING;
  await watch.look();
  expect(looks.at(-1)).toBe('ok 0');
  const anew = {
    ...WHOLE,
    trunks: [{ ...TRUNK, id: 'ST_2' }],
    rules: [{ trunkIds: ['ST_2'] }],
  };
  expect(await after(watch, anew)).toBe('ok 0');
  expect(logged).toEqual([]);
});

test.each<[string, Partial<SipSetup>]>([
  ['the rule alone', { rules: [] }],
  ['the trunk alone', { trunks: [] }],
  ['a rule for a trunk of another id', { trunks: [{ ...TRUNK, id: 'ST_2' }] }],
])('%s', async (_what, change) => {
  const watch = start();
  await after(watch, WHOLE);
  expect(await after(watch, { ...WHOLE, ...change })).toBe('lost 2');
});

test('a number of several', async () => {
  const watch = start();
  await after(watch, WHOLE);
  expect(await after(watch, { ...WHOLE, trunks: [{ ...TRUNK, numbers: [NUMBER] }] })).toBe(
    'lost 1',
  );
});

test('all numbers: for each, and in place of each', async () => {
  const watch = start();
  await after(watch, WHOLE);
  const anything = { ...WHOLE, trunks: [{ id: 'ST_1', numbers: [] }] };
  expect(await after(watch, anything)).toBe('ok 0');
  expect(await after(watch, { ...WHOLE, trunks: [], rules: [{ trunkIds: [] }] })).toBe('ok 0');
  expect(await after(watch, WHOLE)).toBe('ok 0');
  expect(await after(watch, NOTHING)).toBe('lost 3');
});

test('the trunk that calls are made by', async () => {
  const watch = start('ST_out');
  await after(watch, WHOLE);
  expect(await after(watch, { ...WHOLE, outboundTrunkIds: [] })).toBe('lost 1');
  expect(await after(start('ST_other'), { ...WHOLE, outboundTrunkIds: [] })).toBe('ok 0');
});

test('a restart remembers; without the file, what is there now is right', async () => {
  await after(start(), WHOLE);
  const file = join(dataDir, 'sip-setup.json');
  expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual({ served: [NUMBER, '878725'] });
  expect(statSync(file).mode & 0o077).toBe(0);
  const watch = start();
  expect(await after(watch, NOTHING)).toBe('lost 2');
  rmSync(file);
  expect(await after(watch, NOTHING)).toBe('none 0');
});

test('a stack that never had a trunk, and a LiveKit that does not answer, give no alarm', async () => {
  expect(await after(start(), NOTHING)).toBe('none 0');
  const watch = start();
  await after(watch, WHOLE);
  looks = [];
  await after(watch, new Error('permission denied'));
  expect(looks).toEqual([]);
  expect(logged.map(([level]) => level)).toEqual(['warn']);
});
