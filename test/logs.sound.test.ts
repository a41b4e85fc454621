import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { said } from './harness/call-records.ts';
import { recordedCall } from './harness/recorded-call.ts';
import { useTestStack } from './harness/use-test-stack.ts';
import { useVoice } from './harness/use-voice.ts';

const stackOf = useTestStack({ env: { TRUNKLINE_LOG_LEVEL: 'trace' } });
const voiceOf = useVoice(stackOf);

const DIGITS = '86420975';

test('no log at any level has a word, a digit or a number of a call, but in a field of its own', async () => {
  const call = recordedCall(stackOf(), voiceOf(), {
    say: ["I'd like to book a table.", 'For four people.'],
    dtmf: DIGITS,
  });
  await call.result;
  const record = await call.record();
  expect(record.timeline.filter(({ type }) => type === 'leg.dtmf')).toHaveLength(DIGITS.length);
  const words = [...said(record, 'caller'), ...said(record, 'agent')];
  expect(words).toHaveLength(5);

  const lines = logLines();
  expect(lines.length).toBeGreaterThan(100);
  // SIP messages stand in the field `text`, which a redaction can name; numbers in LiveKit's names.
  const leaks = lines.filter(({ text: _sip, ...fields }) => {
    const line = JSON.stringify(fields);
    const isTold = [...words, DIGITS].some((secret) => line.includes(secret));
    return isTold || /"digit"/.test(line) || String(fields['msg']).includes(call.from);
  });
  expect(leaks).toEqual([]);
});

/** Of all processes; a line that is no JSON is all message. */
function logLines(): Record<string, unknown>[] {
  const folder = join(stackOf().dataDir, 'logs');
  return readdirSync(folder).flatMap((name) =>
    readFileSync(join(folder, name), 'utf8')
      .split('\n')
      .map((line) => {
        try {
          return JSON.parse(line) as Record<string, unknown>;
        } catch {
          return { msg: line };
        }
      }),
  );
}
