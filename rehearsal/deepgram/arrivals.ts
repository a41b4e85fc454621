/** Audio that a delay can still be reckoned from, ms. */
const REMEMBERED_MS = 3000;
/** Chunks after which old ones are let go. */
const MOST_CHUNKS = 500;

/** When the audio of a stream arrived, so that delays start at the caller's last sound. */
export class Arrivals {
  readonly #chunks: { readonly untilMs: number; readonly at: number }[] = [];

  /** Audio up to `untilMs` of the stream has just arrived. */
  add(untilMs: number, at = performance.now()): void {
    this.#chunks.push({ untilMs, at });
    if (this.#chunks.length < MOST_CHUNKS) return;
    const old = this.#chunks.findIndex((chunk) => chunk.untilMs >= untilMs - REMEMBERED_MS);
    this.#chunks.splice(0, old);
  }

  /** When the audio at `ms` arrived, or will if the stream goes on (of performance.now()). */
  of(ms: number): number {
    const chunk = this.#chunks.find(({ untilMs }) => untilMs >= ms);
    if (chunk) return chunk.at;
    const last = this.#chunks.at(-1);
    return last ? last.at + (ms - last.untilMs) : performance.now();
  }
}
