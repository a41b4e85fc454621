import { signal } from '@preact/signals';
import type { Call, CallActivity, StreamedEvent } from '../../client/index.ts';
import { api } from '../api.ts';
import { session } from '../session/session.ts';

export type Turn = Call['turns'][number];
/** What identifies a call and where it stands; the rest is in its record. */
export type Summary = Pick<
  Call,
  | 'id'
  | 'direction'
  | 'ingress'
  | 'state'
  | 'line'
  | 'from'
  | 'to'
  | 'startedAt'
  | 'answeredAt'
  | 'endedAt'
  | 'endReason'
  | 'endedBy'
  | 'room'
>;

export type Activity = CallActivity['activity'];

export interface LiveCall extends Summary {
  readonly lastTurn?: Turn | undefined;
  readonly warning?: string | undefined;
  readonly activity?: Activity | undefined;
}

/** Who has ended stays in sight for so long, ms. */
const ENDED_SHOWN_MS = 15_000;
const OPEN_STATES = ['initializing', 'ringing', 'connected', 'in_progress', 'ending'] as const;

/** Calls that go on, or did just now; the newest first. */
export const liveCalls = signal<readonly LiveCall[] | undefined>(undefined);
export const connection = signal<'connecting' | 'open' | 'lost'>('connecting');

type Listener = (event: StreamedEvent) => void;
const listeners = new Set<Listener>();
type ActivityListener = (told: CallActivity) => void;
const activityListeners = new Set<ActivityListener>();

/** Told of everything that happens while the desk is open. Returns how to stop. */
export function onEvent(listener: Listener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Told what calls are at, as they are at it. Returns how to stop. */
export function onActivity(listener: ActivityListener): () => void {
  activityListeners.add(listener);
  return () => activityListeners.delete(listener);
}

let watching: AbortController | undefined;

session.subscribe((current) => {
  if (current && watching === undefined) {
    watching = new AbortController();
    void watch(watching.signal);
  }
  if (!current) {
    watching?.abort();
    watching = undefined;
    liveCalls.value = undefined;
    connection.value = 'connecting';
  }
});

async function watch(signal: AbortSignal): Promise<void> {
  try {
    const events = api.events({
      signal,
      onActivity: (told) => {
        note(told);
        for (const listener of activityListeners) listener(told);
      },
      onConnect: () => {
        connection.value = 'open';
        void load();
      },
      onReconnect: () => {
        if (!signal.aborted) connection.value = 'lost';
      },
    });
    for await (const event of events) {
      take(event);
      for (const listener of listeners) listener(event);
    }
  } catch {
    // What will not be better next time: the session is over.
    if (!signal.aborted) session.value = null;
  }
}

/** What was there before, or changed while the connection was away. */
async function load(): Promise<void> {
  try {
    const pages = await Promise.all(
      OPEN_STATES.map((state) => api.calls.list({ state, limit: 100 })),
    );
    const open = pages.flatMap(({ data }) => data);
    const known = new Map(liveCalls.value?.map((call) => [call.id, call]));
    liveCalls.value = sorted(
      open.map((call) => ({ ...known.get(call.id), ...call, lastTurn: call.turns.at(-1) })),
    );
  } catch {
    // Asked again when the connection is back.
  }
}

function take({ type, callId, data }: StreamedEvent): void {
  if (callId === null) return;
  const { call, turn, warning } = data as {
    call?: Summary;
    turn?: Turn;
    warning?: { sentence: string };
  };
  if (type === 'call.withdrawn') return drop(callId);
  const before = liveCalls.value?.find(({ id }) => id === callId);
  if (before === undefined && (call === undefined || call.endedAt !== undefined)) return;
  const next = {
    ...before,
    ...call,
    ...(turn && { lastTurn: turn, state: spoken((call ?? before)?.state) }),
    ...(warning && { warning: warning.sentence }),
  } as LiveCall;
  const others = (liveCalls.value ?? []).filter(({ id }) => id !== callId);
  liveCalls.value = sorted([next, ...others]);
  if (type === 'call.ended') setTimeout(() => drop(callId), ENDED_SHOWN_MS);
}

function note({ callId, activity }: CallActivity): void {
  liveCalls.value = liveCalls.value?.map((call) =>
    call.id === callId
      ? { ...call, state: spoken(call.state), activity: { ...call.activity, ...activity } }
      : call,
  );
}

/** No event tells when an answered call is spoken in; whoever speaks shows it. */
function spoken(state: Call['state'] = 'in_progress'): Call['state'] {
  return state === 'connected' || state === 'ringing' ? 'in_progress' : state;
}

function drop(callId: string): void {
  liveCalls.value = liveCalls.value?.filter(({ id }) => id !== callId);
}

function sorted(calls: readonly LiveCall[]): readonly LiveCall[] {
  return calls.toSorted((a, b) => (a.startedAt < b.startedAt ? 1 : -1));
}
