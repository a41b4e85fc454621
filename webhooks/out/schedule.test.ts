import { describe, expect, test } from 'vitest';
import { RETRY_AFTER_MS, judge, parseRetryAfter } from './schedule.ts';

const NOW = new Date('2026-11-20T10:00:00.000Z');
const after = (ms: number) => new Date(NOW.getTime() + ms);

const fresh = { attempts: 0, since: NOW };
const pause = (status: number, retryAfterMs: number, waitedMs = 0) =>
  judge({ status, retryAfterMs }, { attempts: 3, since: after(-waitedMs) }, NOW, 0);

describe('judge', () => {
  test('2xx is delivered; all else, redirects too, is tried again', () => {
    expect(judge({ status: 204 }, fresh, NOW, 0)).toEqual({ type: 'delivered' });
    for (const status of [undefined, 301, 307, 400, 404, 500]) {
      expect(judge({ status }, fresh, NOW, 0)).toEqual({
        type: 'retry',
        at: after(5_000),
        counts: true,
      });
    }
  });

  test('ten tries in three days, each a little later than the schedule says', () => {
    const total = RETRY_AFTER_MS.reduce((sum, ms) => sum + ms, 0);
    expect(RETRY_AFTER_MS).toHaveLength(9);
    expect(total / 3_600_000).toBeCloseTo(75.6, 1);
    for (const [attempts, ms] of RETRY_AFTER_MS.entries()) {
      expect(judge({ status: 500 }, { attempts, since: NOW }, NOW, 1)).toMatchObject({
        at: after(ms * 1.1),
      });
    }
    const all = { attempts: RETRY_AFTER_MS.length, since: NOW };
    expect(judge({ status: 500 }, all, NOW, 0)).toEqual({ type: 'dead' });
  });

  test('410 is for good', () => {
    expect(judge({ status: 410, retryAfterMs: 1 }, fresh, NOW, 0)).toEqual({ type: 'gone' });
  });

  test('429 and 503 say when, within bounds, and the schedule stays where it is', () => {
    expect(pause(429, 90_000)).toEqual({ type: 'retry', at: after(90_000), counts: false });
    expect(pause(503, 0)).toMatchObject({ at: after(1_000) });
    expect(pause(503, 1e12)).toMatchObject({ at: after(24 * 3_600_000) });
    expect(pause(500, 90_000)).toMatchObject({ at: after(RETRY_AFTER_MS[3]), counts: true });
  });

  test('who always asks to be tried at once is tried less and less, and not for ever', () => {
    const hour = 3_600_000;
    expect(pause(503, 0, hour)).toEqual({ type: 'retry', at: after(36_000), counts: false });
    expect(pause(503, 90_000, hour)).toMatchObject({ at: after(90_000), counts: false });
    expect(pause(503, 0, 5 * 24 * hour)).toMatchObject({ counts: true });
  });
});

test('Retry-After is seconds or a date', () => {
  expect(parseRetryAfter('120', NOW)).toBe(120_000);
  expect(parseRetryAfter('Fri, 20 Nov 2026 10:01:00 GMT', NOW)).toBe(60_000);
  expect(parseRetryAfter('Fri, 20 Nov 2026 09:00:00 GMT', NOW)).toBe(0);
  for (const neither of ['soon', '-5', '1.5']) {
    expect(parseRetryAfter(neither, NOW)).toBeUndefined();
  }
  expect(parseRetryAfter(undefined, NOW)).toBeUndefined();
});
