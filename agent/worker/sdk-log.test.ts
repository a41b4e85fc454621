import { Writable } from 'node:stream';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { WITHOUT_WORDS } from './sdk-log.ts';

const SAID = 'My card is 4711';

test('what the SDK logs keeps its numbers and names, and none of the words', () => {
  const lines: string[] = [];
  const stream = new Writable({
    write: (line: Buffer, _encoding, done) => {
      lines.push(line.toString());
      done();
    },
  });
  const log = pino({ level: 'trace', ...WITHOUT_WORDS }, stream);
  log.warn({ 'lk.pii.user_input': SAID, speech_id: 'speech_1', attempt: 2 }, 'skipping user input');
  log.error(new Error(`Unexpected token: ${SAID}`), 'error in llm node');
  log.error({ error: Object.assign(new Error(SAID), { code: 'ECONNRESET' }) }, 'failed');
  log.error({ error: SAID, stt: { transcript: SAID } }, 'exception occurred while executing tool');
  log.error(new Error(SAID));
  const all = lines.join('');
  expect(all).not.toContain('4711');
  expect(all).toMatch(/speech_1.*skipping user input/);
  expect(all).toMatch(/ECONNRESET/);
  expect(all).toMatch(/"type":"Error".*sdk-log\.test\.ts/);
});
