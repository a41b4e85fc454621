/** Speech that goes on for so long, ms. */
const DEAF_MS = 5_000;
/** And in which a voice was heard for so long, ms: less is a cough or a bark. */
const VOICE_MS = 2_000;
/** Sounds that are further apart are no speech, ms. */
const GAP_MS = 2_000;
/** A new connection is given so long to understand something, ms. */
const AGAIN_MS = 15_000;

/** Notices that a caller speaks and no word of it is recognised, however long they speak. */
export class Deafness {
  readonly #onDeaf: () => void;
  #since = 0;
  #last = 0;
  #voice = 0;
  #toldAt = -Infinity;

  constructor(onDeaf: () => void) {
    this.#onDeaf = onDeaf;
  }

  /** A voice was heard of the caller for so long. */
  voice(ms: number): void {
    const now = Date.now();
    if (now - this.#last > GAP_MS) this.words();
    this.#last = now;
    if (this.#voice === 0) this.#since = now;
    this.#voice += ms;
    if (now - this.#since >= DEAF_MS && this.#voice >= VOICE_MS) this.tell();
  }

  /** Words of the caller's were recognised, be they not final. */
  words(): void {
    this.#voice = 0;
  }

  /** Somebody else has noticed it. */
  tell(): void {
    this.words();
    if (Date.now() - this.#toldAt < AGAIN_MS) return;
    this.#toldAt = Date.now();
    this.#onDeaf();
  }
}
