import { expect, test } from 'vitest';
import { readCallArguments } from './arguments.ts';

const read = (...args: string[]) => readCallArguments(args, '127.0.0.1:5060');

test('dials plain numbers at the local endpoint', () => {
  expect(read().to).toBe('sip:+10000000000@127.0.0.1:5060');
  expect(read('--to', '+12025550199').to).toBe('sip:+12025550199@127.0.0.1:5060');
  expect(read('--to', 'sip:878725@pbx.example:5070').to).toBe('sip:878725@pbx.example:5070');
});

test('has something to say unless told what or to be quiet', () => {
  expect(read().say.length).toBeGreaterThan(1);
  expect(read('--say', 'Hello.', '--say', 'Goodbye.').say).toEqual(['Hello.', 'Goodbye.']);
  expect(read('--quiet').say).toEqual([]);
});

test.each([
  [['--hangup-after', 'soon'], '--hangup-after takes seconds'],
  [['--codec', 'opus'], '--codec is PCMU or PCMA'],
  [['--dtmf', '1x'], '--dtmf takes keys'],
  [['--transport', 'tls'], '--transport is udp or tcp'],
  [['--header', 'X: a\r\nY: b'], '--header takes'],
  [['--colour'], 'There is no option --colour'],
  [['--qiet'], '--quiet'],
  [['+12025550123'], 'one word too many'],
])('says what is wrong with %j', (args, message) => {
  expect(() => read(...args)).toThrow(message);
});
