import type { Verdict } from './outbox.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/**
 * Standard Webhooks, "Deliverability and reliability": after the first attempt, which is immediate,
 * the others follow so long after the one before, ms.
 */
export const RETRY_AFTER_MS = [
  5 * SECOND,
  5 * MINUTE,
  30 * MINUTE,
  2 * HOUR,
  5 * HOUR,
  10 * HOUR,
  14 * HOUR,
  20 * HOUR,
  24 * HOUR,
] as const;

/** Later, never sooner, by up to this share: those who failed together do not return together. */
const JITTER = 0.1;
const MIN_PAUSE_MS = SECOND;
const MAX_PAUSE_MS = 24 * HOUR;
/** Pauses are no shorter than this share of the time that an event waits already. */
const MIN_PAUSE_SHARE = 0.01;
/** An event that waits for longer is tried by the schedule, and so not for ever. */
const PATIENCE_MS = 5 * 24 * HOUR;

/** How a try went. */
export interface Answer {
  /** HTTP; undefined: none came. */
  readonly status?: number | undefined;
  /** `Retry-After` in ms from now. */
  readonly retryAfterMs?: number | undefined;
}

/** What was to be told. */
export interface Waiting {
  /** Tries before this one that count. */
  readonly attempts: number;
  readonly since: Date;
}

/**
 * What follows from an answer.
 *
 * @param random 0 to 1
 */
export function judge(answer: Answer, waiting: Waiting, now: Date, random: number): Verdict {
  const { status, retryAfterMs } = answer;
  if (status !== undefined && status >= 200 && status < 300) return { type: 'delivered' };
  if (status === 410) return { type: 'gone' };
  const later = (ms: number) => new Date(now.getTime() + Math.round(ms * (1 + JITTER * random)));
  const waitedMs = now.getTime() - waiting.since.getTime();
  const isAsked = (status === 429 || status === 503) && retryAfterMs !== undefined;
  if (isAsked && waitedMs < PATIENCE_MS) {
    const least = Math.max(MIN_PAUSE_MS, waitedMs * MIN_PAUSE_SHARE);
    const ms = Math.min(Math.max(retryAfterMs, least), MAX_PAUSE_MS);
    return { type: 'retry', at: later(ms), counts: false };
  }
  const ms = RETRY_AFTER_MS[waiting.attempts];
  return ms === undefined ? { type: 'dead' } : { type: 'retry', at: later(ms), counts: true };
}

/** `Retry-After`: seconds or a date (RFC 9110 §10.2.3). Undefined when it is neither. */
export function parseRetryAfter(header: string | undefined, now: Date): number | undefined {
  if (header === undefined) return undefined;
  if (/^\d{1,9}$/.test(header.trim())) return Number(header) * SECOND;
  // Date.parse takes -1 and 1.5 for dates.
  const at = /^[A-Za-z]{3}/.test(header.trim()) ? Date.parse(header) : NaN;
  return Number.isNaN(at) ? undefined : Math.max(0, at - now.getTime());
}
