import type { Logger } from 'pino';
import type { Store } from './store.ts';
import type { PublicEvent } from '../webhooks/out/public-events.ts';

const LINES_KEPT = 10_000;

export interface FeedOptions {
  readonly ledger: Pick<Store, 'publicEvents' | 'lastPublicPosition' | 'onPublicEvent' | 'call'>;
  /** How soon events of other call services on the same database are seen, ms. */
  readonly pollMs?: number;
  readonly log: Pick<Logger, 'warn'>;
}

/**
 * The end of the log of public events, as it grows: told of by this process, asked for where other
 * processes write. Asks only while there are readers, and keeps no event: what was erased, here or
 * by another call service, is not to be told from memory.
 */
export class EventFeed {
  readonly #options: FeedOptions;
  /** Queries under way: many clients that wait at one place cost one. */
  readonly #reading = new Map<string, Promise<readonly PublicEvent[]>>();
  readonly #waiting = new Set<() => void>();
  readonly #lines = new Map<string, string>();
  /** Of the latest event that is known of. */
  #position = 0;
  #readers = 0;
  #looking = false;
  #again = false;
  #stop: (() => void) | undefined;

  constructor(options: FeedOptions) {
    this.#options = options;
  }

  get readers(): number {
    return this.#readers;
  }

  /** Rejects when the ledger is away. Resolves with the position of the latest event. */
  async open(): Promise<number> {
    const last = await this.#options.ledger.lastPublicPosition();
    this.#readers += 1;
    if (this.#stop === undefined) {
      this.#position = last;
      const look = () => this.#look();
      const unlisten = this.#options.ledger.onPublicEvent(look);
      const timer = setInterval(look, this.#options.pollMs ?? 1_000).unref();
      this.#stop = () => {
        unlisten();
        clearInterval(timer);
      };
      look();
    }
    return last;
  }

  /** Once for each `open`. */
  close(): void {
    this.#readers -= 1;
    if (this.#readers > 0) return;
    this.#stop?.();
    this.#stop = undefined;
  }

  /** What comes after a position, in order; empty when that is the latest. */
  read(after: number, limit: number): Promise<readonly PublicEvent[]> {
    const place = `${after} ${limit}`;
    const known = this.#reading.get(place);
    if (known !== undefined) return known;
    const reading = this.#options.ledger
      .publicEvents({ after, limit })
      .finally(() => this.#reading.delete(place));
    this.#reading.set(place, reading);
    return reading;
  }

  /** Resolves when there is something after a position, or when the signal is aborted. */
  async changed(after: number, signal: AbortSignal): Promise<void> {
    if (this.#position > after || signal.aborted) return;
    await new Promise<void>((resolve) => {
      const done = () => {
        this.#waiting.delete(done);
        signal.removeEventListener('abort', done);
        resolve();
      };
      this.#waiting.add(done);
      signal.addEventListener('abort', done);
    });
  }

  /** The line of a call; undefined while it is not known. */
  async lineOf(callId: string): Promise<string | undefined> {
    const known = this.#lines.get(callId);
    if (known !== undefined) return known;
    const line = (await this.#options.ledger.call(callId))?.line;
    if (line === undefined) return undefined;
    this.#lines.set(callId, line);
    const [oldest] = this.#lines.keys();
    if (this.#lines.size > LINES_KEPT && oldest !== undefined) this.#lines.delete(oldest);
    return line;
  }

  #look(): void {
    this.#again = true;
    if (this.#looking) return;
    this.#looking = true;
    void this.#lookOn();
  }

  async #lookOn(): Promise<void> {
    const { ledger, log } = this.#options;
    try {
      while (this.#again) {
        this.#again = false;
        const last = await ledger.lastPublicPosition();
        if (last <= this.#position) continue;
        this.#position = last;
        for (const resolve of this.#waiting) resolve();
      }
    } catch (error) {
      // Asked again at the next poll.
      log.warn({ err: error }, 'public events could not be read');
    } finally {
      this.#looking = false;
    }
  }
}
