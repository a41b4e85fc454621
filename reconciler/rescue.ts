import { setTimeout as delay } from 'node:timers/promises';
import type { Call } from '../calls/call.ts';
import type { CallEvent } from '../calls/events.ts';
import type { Ledger, Recorded } from '../ledger/ledger.ts';
import type { Fallback, Line } from '../config/config.ts';
import type { RescueDeps, RescueOutcome } from './rescue-caller.ts';
import { clearRoom, rescueCaller } from './rescue-caller.ts';
import { planClearing, planRescue } from './rescue-plan.ts';

/** Reports of one end arrive together. */
const GATHER_MS = 100;
/** When a caller who has just come is looked at: before anything is due. */
const ARRIVAL_MS = 2_500;
/** An agent is on its way. */
const COMING_MS = 500;
/** When the room is not as the record says, the reconciler has it right by then. */
const LOOK_AGAIN_MS = 5_000;
/** A transfer rings for longer; what came of it is recorded by nobody then. */
const CLOSE_WAIT_MS = 5_000;
/** LiveKit did not answer. */
const RETRY_MS = 2_000;

export interface RescuerOptions extends RescueDeps {
  readonly ledger: Pick<Ledger, 'call' | 'record' | 'openCalls'>;
  readonly lines: readonly Line[];
}

/**
 * Sees to it that no caller stays in a room without an agent, and no agent in a room without a
 * caller. What is due follows from the record (`rescue-plan.ts`), so nothing is lost when the
 * service is started anew; timers only say when to look next.
 */
export class Rescuer {
  readonly #options: RescuerOptions;
  readonly #timers = new Map<string, NodeJS.Timeout>();
  readonly #running = new Map<string, Promise<void>>();
  #closed = false;

  constructor(options: RescuerOptions) {
    this.#options = options;
  }

  /** Events that were stored: those after which somebody may need help. */
  heard(events: readonly CallEvent[], recorded: readonly Recorded[]): void {
    for (const [index, { callId, outcome }] of recorded.entries()) {
      const event = events[index];
      if (callId === undefined || outcome === 'late' || event === undefined) continue;
      if (isAlarm(event)) this.#lookIn(callId, GATHER_MS);
      else if (isArrival(event) && !this.#timers.has(callId)) this.#lookIn(callId, ARRIVAL_MS);
    }
  }

  /** All open calls: the safety net under `heard`, and how it begins after a start. */
  async sweep(): Promise<void> {
    for (const { call } of await this.#options.ledger.openCalls()) {
      const due = this.#dueAt(call);
      if (due !== undefined && !this.#timers.has(call.id)) this.#lookIn(call.id, due - Date.now());
    }
  }

  /** Takes no further step; resolves when those under way are done, or last for too long. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
    const limit = new AbortController();
    await Promise.race([
      Promise.all(this.#running.values()),
      delay(CLOSE_WAIT_MS, undefined, { signal: limit.signal }).catch(() => undefined),
    ]);
    limit.abort();
  }

  #lookIn(callId: string, ms: number): void {
    if (this.#closed) return;
    clearTimeout(this.#timers.get(callId));
    const timer = setTimeout(
      () => {
        this.#timers.delete(callId);
        this.#run(callId);
      },
      Math.max(0, ms),
    );
    timer.unref();
    this.#timers.set(callId, timer);
  }

  /** One look at a call at a time. */
  #run(callId: string): void {
    if (this.#running.has(callId)) return this.#lookIn(callId, GATHER_MS);
    const look = this.#lookSafely(callId);
    this.#running.set(callId, look);
  }

  async #lookSafely(callId: string): Promise<void> {
    let again: number | undefined;
    try {
      again = await this.#look(callId);
    } catch (error) {
      this.#options.log.warn({ err: error, callId }, 'a caller could not be looked after');
      again = RETRY_MS;
    }
    this.#running.delete(callId);
    if (again !== undefined && !this.#timers.has(callId)) this.#lookIn(callId, again);
  }

  /** @returns when to look again, ms */
  async #look(callId: string): Promise<number | undefined> {
    const call = await this.#options.ledger.call(callId);
    const due = call && this.#dueAt(call);
    if (call === undefined || due === undefined) return undefined;
    const wait = due - Date.now();
    if (wait > 0) return wait;
    const fallback = this.#fallbackOf(call);
    const plan = planRescue(call, fallback);
    if (plan === undefined) {
      await clearRoom(this.#options, call);
      return undefined;
    }
    return AGAIN_MS[await rescueCaller(this.#options, call, plan, fallback)];
  }

  #dueAt(call: Call): number | undefined {
    return planRescue(call, this.#fallbackOf(call))?.dueAt ?? planClearing(call);
  }

  #fallbackOf(call: Call): Fallback | undefined {
    return this.#options.lines.find(({ name }) => name === call.line)?.fallback;
  }
}

const AGAIN_MS: Readonly<Record<RescueOutcome, number | undefined>> = {
  taken: GATHER_MS,
  coming: COMING_MS,
  elsewhere: LOOK_AGAIN_MS,
  not_ours: undefined,
};

function isAlarm({ type, data }: CallEvent): boolean {
  return type === 'agent.ended' || (type === 'participant.left' && data.kind === 'agent');
}

function isArrival({ type, data }: CallEvent): boolean {
  return type === 'participant.joined' && (data.kind === 'sip' || data.kind === 'browser');
}
