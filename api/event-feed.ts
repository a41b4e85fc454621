import type { Logger } from 'pino';
import type { Ledger } from '../calls/ledger.ts';
import type { PublicEvent } from '../calls/public-events.ts';

/** The latest events are kept in memory, so that many clients cost one query. */
const KEPT = 2_000;
const PAGE = 500;
const LINES_KEPT = 10_000;

export interface FeedOptions {
  readonly ledger: Pick<Ledger, 'publicEvents' | 'lastPublicPosition' | 'onPublicEvent' | 'call'>;
  /** How soon events of other call services on the same database are seen, ms. */
  readonly pollMs?: number;
  readonly log: Pick<Logger, 'warn'>;
}

/**
 * The end of the log of public events, as it grows: told of by this process, asked for where other
 * processes write. Asks only while there are readers.
 */
export class EventFeed {
  readonly #options: FeedOptions;
  readonly #recent: PublicEvent[] = [];
  readonly #waiting = new Set<() => void>();
  readonly #lines = new Map<string, string>();
  /** All events after `#from`, and up to `#position`, are in `#recent`. */
  #from = 0;
  #position = 0;
  #readers = 0;
  #pulling = false;
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
      this.#recent.length = 0;
      this.#from = this.#position = last;
      const pull = () => this.#pull();
      const unlisten = this.#options.ledger.onPublicEvent(pull);
      const timer = setInterval(pull, this.#options.pollMs ?? 1_000).unref();
      this.#stop = () => {
        unlisten();
        clearInterval(timer);
      };
      pull();
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
  async read(after: number, limit: number): Promise<readonly PublicEvent[]> {
    if (after < this.#from) return this.#options.ledger.publicEvents({ after, limit });
    const first = this.#recent.findIndex(({ position }) => position > after);
    return first === -1 ? [] : this.#recent.slice(first, first + limit);
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

  #pull(): void {
    this.#again = true;
    if (this.#pulling) return;
    this.#pulling = true;
    void this.#pullAll().finally(() => {
      this.#pulling = false;
    });
  }

  async #pullAll(): Promise<void> {
    const { ledger, log } = this.#options;
    try {
      while (this.#again) {
        this.#again = false;
        const after = this.#position;
        const events = await ledger.publicEvents({ after, limit: PAGE });
        const last = events.at(-1);
        if (last === undefined) continue;
        // All readers went, and others came: the end of the log is elsewhere by now.
        if (this.#position !== after) return;
        this.#again = true;
        this.#position = last.position;
        this.#recent.push(...events);
        const surplus = this.#recent.splice(0, Math.max(0, this.#recent.length - KEPT)).at(-1);
        if (surplus !== undefined) this.#from = surplus.position;
        for (const resolve of this.#waiting) resolve();
      }
    } catch (error) {
      // Asked again at the next poll.
      log.warn({ err: error }, 'public events could not be read');
    }
  }
}
