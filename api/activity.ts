import type { ActivityNotes } from '../calls/activity.ts';
import type { Activity } from '../calls/activity.ts';
import type { Ledger } from '../ledger/ledger.ts';

/** Of jobs whose end is not told here. */
const MAX_JOBS = 20_000;

export interface CallActivity {
  readonly callId: string;
  readonly activity: Activity;
}
type Listener = (told: CallActivity) => void;

/**
 * What calls are at, from workers to those who look on, by this process only: it is not stored, and
 * other call services on the database have not heard of it.
 */
export class ActivityBoard {
  readonly #callOf = new Map<string, string>();
  readonly #listeners = new Set<Listener>();

  constructor(ledger: Pick<Ledger, 'onRecorded'>) {
    ledger.onRecorded((events, recorded) => {
      for (const [index, { correlation, type }] of events.entries()) {
        const { jobId } = correlation;
        const callId = recorded[index]?.callId;
        if (jobId === undefined || callId === undefined) continue;
        if (type === 'agent.ended') this.#callOf.delete(jobId);
        else this.#callOf.set(jobId, callId);
      }
      const [oldest] = this.#callOf.keys();
      if (this.#callOf.size > MAX_JOBS && oldest !== undefined) this.#callOf.delete(oldest);
    });
  }

  /** @returns ends it */
  listen(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  take({ notes }: ActivityNotes): void {
    if (this.#listeners.size === 0) return;
    for (const { jobId, activity } of notes) {
      const callId = this.#callOf.get(jobId);
      if (callId === undefined) continue;
      for (const listener of this.#listeners) listener({ callId, activity });
    }
  }
}
