const MAX_KEYS = 10_000;

interface Bucket {
  tokens: number;
  at: number;
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
    const bucket = this.#bucket(key);
    if (bucket.tokens < 1) return false;
    bucket.tokens -= 1;
    return true;
  }

  /** Whether there is one left to take. */
  has(key: string): boolean {
    return this.#bucket(key).tokens >= 1;
  }

  #bucket(key: string): Bucket {
    const now = this.#now();
    const known = this.#buckets.get(key);
    const tokens = known
      ? Math.min(this.#burst, known.tokens + ((now - known.at) / 1000) * this.#perSecond)
      : this.#burst;
    const bucket = { tokens, at: now };
    // Last used, last in the map: the eldest go when somebody sends from ever new addresses.
    this.#buckets.delete(key);
    this.#buckets.set(key, bucket);
    if (this.#buckets.size > MAX_KEYS)
      this.#buckets.delete(this.#buckets.keys().next().value ?? '');
    return bucket;
  }
}
