import { setTimeout as delay } from 'node:timers/promises';

/**
 * Polls until `condition` gives something truthy, and returns that. An exception counts as "not
 * yet", so that a request to a server that is still starting needs no care.
 * @throws when `timeout` (ms) has passed, with what the last try said.
 */
export async function waitFor<T>(
  condition: () => T | Promise<T>,
  options: { timeout?: number; interval?: number; what?: string; signal?: AbortSignal } = {},
): Promise<NonNullable<T>> {
  const { timeout = 10_000, interval = 50, what = condition.toString(), signal } = options;
  const deadline = performance.now() + timeout;
  let last: unknown;
  for (;;) {
    signal?.throwIfAborted();
    try {
      const value = await condition();
      if (value) return value;
      last = value;
    } catch (error) {
      last = error;
    }
    if (performance.now() > deadline) {
      throw new Error(`waited ${timeout} ms in vain for: ${what}`, { cause: last });
    }
    await delay(interval);
  }
}
