/**
 * So much work at a time and no more; what comes meanwhile waits in order. Twenty calls that are
 * set up at once on two cores are all late; one after the other, the first are answered soon.
 */
export class Turns {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(atOnce: number) {
    this.#free = atOnce;
  }

  /** Runs the work when its turn comes; not at all when aborted by then. */
  async run(work: () => Promise<unknown>, signal: AbortSignal): Promise<void> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      if (!signal.aborted) await work();
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#free += 1;
    }
  }
}
