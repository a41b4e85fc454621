import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { renewWhenIdle } from './renewal.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test('an endpoint that has grown too large is renewed once, when nobody is on the line', () => {
  let calls = 0;
  let memory = 300 * 1024 ** 2;
  const renew = vi.fn<() => void>();
  renewWhenIdle({ activeCalls: () => calls, memory: () => memory, renew });
  vi.advanceTimersByTime(60_000);
  calls = 1;
  memory = 2 * 1024 ** 3;
  vi.advanceTimersByTime(60_000);
  expect(renew).not.toHaveBeenCalled();
  calls = 0;
  vi.advanceTimersByTime(60_000);
  expect(renew).toHaveBeenCalledTimes(1);
});
