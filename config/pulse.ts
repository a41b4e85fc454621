/**
 * Whether another process lives, by the questions that it leaves unanswered. Questions are counted
 * and not time: one who comes late to ask was stopped or starved themselves, as on a laptop that
 * slept or a machine that is full, and knows nothing of others; the count begins anew.
 *
 * ```ts
 * const pulse = new Pulse(1_000, 5);
 * setInterval(() => (pulse.ask() ? ping() : kill()), 1_000);
 * onPong(() => pulse.answer());
 * ```
 */
export class Pulse {
  readonly #everyMs: number;
  readonly #most: number;
  #askedAt: number | undefined;
  #unanswered = 0;

  /** @param most questions in a row that may stay without an answer, `everyMs` apart */
  constructor(everyMs: number, most: number) {
    this.#everyMs = everyMs;
    this.#most = most;
  }

  /** The last question, and perhaps more, waits for its answer. */
  get isLate(): boolean {
    return this.#unanswered > 1;
  }

  /** To be called every `everyMs`. False: it does not live. */
  ask(now = performance.now()): boolean {
    const isStarved = this.#askedAt !== undefined && now - this.#askedAt > 2 * this.#everyMs;
    this.#askedAt = now;
    if (isStarved) this.#unanswered = 0;
    if (this.#unanswered >= this.#most) return false;
    this.#unanswered += 1;
    return true;
  }

  answer(): void {
    this.#unanswered = 0;
  }
}
