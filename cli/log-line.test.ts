import { expect, test } from 'vitest';
import { parseLogLine } from './log-line.ts';

test('pino: level by number, message, fields; errors by their message', () => {
  const line = JSON.stringify({
    level: 40,
    time: 1,
    pid: 2,
    hostname: 'h',
    callId: 'call_1',
    err: { type: 'Error', message: 'no route', stack: '…' },
    msg: 'call refused',
  });
  expect(parseLogLine(line, 'stdout')).toEqual({
    severity: 'warning',
    text: 'call refused callId=call_1 err="no route"',
  });
});

test('livekit-server: level by word', () => {
  const line =
    '{"level":"error","ts":"2026","logger":"livekit","msg":"could not bind","port":7880}';
  expect(parseLogLine(line, 'stdout')).toEqual({
    severity: 'error',
    text: 'could not bind port=7880',
  });
});

test('plain text: a warning on stderr, else information; nothing in an empty line', () => {
  expect(parseLogLine('TypeError: x', 'stderr')?.severity).toBe('warning');
  expect(parseLogLine('listening', 'stdout')?.severity).toBe('info');
  expect(parseLogLine('{ not json', 'stdout')).toEqual({ severity: 'info', text: '{ not json' });
  expect(parseLogLine('   ', 'stderr')).toBeUndefined();
});

test('a huge line is clipped', () => {
  expect(parseLogLine('x'.repeat(10_000), 'stderr')?.text.length).toBeLessThan(500);
});
