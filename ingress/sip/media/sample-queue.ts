/** Samples in the order they came, taken out in pieces of any size. */
export class SampleQueue {
  readonly #parts: Int16Array[] = [];
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(pcm: Int16Array): void {
    if (pcm.length === 0) return;
    this.#parts.push(pcm);
    this.#length += pcm.length;
  }

  /** @param count - at most `length`. */
  take(count: number): Int16Array {
    const out = new Int16Array(count);
    this.#consume(count, (part, at) => out.set(part, at));
    return out;
  }

  /** Drops what is oldest; a count of 0 or less, or more than there is, is fine. */
  dropOldest(count: number): void {
    this.#consume(Math.min(count, this.#length), () => undefined);
  }

  #consume(count: number, onPart: (part: Int16Array, at: number) => void): void {
    for (let at = 0; at < count;) {
      const part = this.#parts[0] as Int16Array;
      const taken = Math.min(part.length, count - at);
      onPart(part.subarray(0, taken), at);
      if (taken === part.length) this.#parts.shift();
      else this.#parts[0] = part.subarray(taken);
      at += taken;
      this.#length -= taken;
    }
  }
}
