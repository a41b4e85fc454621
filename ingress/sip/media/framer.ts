/** Cuts a stream of samples into frames of one size, whatever sizes it comes in. */
export class Framer {
  readonly #size: number;
  readonly #onFrame: (frame: Int16Array) => void;
  #frame: Int16Array;
  #filled = 0;

  /** @param size - samples per frame. @param onFrame - owns the frame it is given. */
  constructor(size: number, onFrame: (frame: Int16Array) => void) {
    this.#size = size;
    this.#onFrame = onFrame;
    this.#frame = new Int16Array(size);
  }

  push(pcm: Int16Array): void {
    if (this.#filled === 0 && pcm.length === this.#size) {
      this.#onFrame(pcm);
      return;
    }
    for (let at = 0; at < pcm.length;) {
      const taken = Math.min(this.#size - this.#filled, pcm.length - at);
      this.#frame.set(pcm.subarray(at, at + taken), this.#filled);
      this.#filled += taken;
      at += taken;
      if (this.#filled === this.#size) {
        const frame = this.#frame;
        this.#frame = new Int16Array(this.#size);
        this.#filled = 0;
        this.#onFrame(frame);
      }
    }
  }
}
