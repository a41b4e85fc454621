const MAX_KEYS = 10_000;

interface Bucket {
  readonly tokens: number;
  readonly at: number;
}

/** A rate limit per key, e.g. per source address: `burst` at once, `perSecond` in the long run. */
export class TokenBuckets {
  readonly #burst: number;
  readonly #perSecond: number;
  readonly #now: () => number;
  readonly #buckets = new Map<string, Bucket>();

  /** @param now monotonic clock, ms */
  constructor(burst: number, perSecond: number, now = (): number => performance.now()) {
    this.#burst = burst;
    this.#perSecond = perSecond;
    this.#now = now;
  }

  /** Takes one; false when the key has none left. */
  take(key: string): boolean {
    const now = this.#now();
    const tokens = this.#tokens(key, now);
    const taken = tokens >= 1;
    // Last used, last in the map: the eldest go when somebody sends from ever new addresses.
    this.#buckets.delete(key);
    this.#buckets.set(key, { tokens: taken ? tokens - 1 : tokens, at: now });
    if (this.#buckets.size > MAX_KEYS) {
      this.#buckets.delete(this.#buckets.keys().next().value ?? '');
    }
    return taken;
  }

  /** Whether there is one left to take; asking keeps nothing. */
  has(key: string): boolean {
    return this.#tokens(key, this.#now()) >= 1;
  }

  #tokens(key: string, now: number): number {
    const known = this.#buckets.get(key);
    if (!known) return this.#burst;
    return Math.min(this.#burst, known.tokens + ((now - known.at) / 1000) * this.#perSecond);
  }
}
