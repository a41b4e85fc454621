import type { Call } from '../calls/call.ts';
import type { CallEvent } from '../calls/events.ts';

/** What one transaction does to the records. */
export interface CallChanges {
  /** The record was stored, as it is now. */
  saved(call: Call): void;
  /** The event is one of the call's from now on. */
  happened(callId: string, event: CallEvent): void;
  /** The event came after the call's record was sealed, and is not in it. */
  late(callId: string, event: CallEvent): void;
  /** Its events have turned out to be another call's, the heir's, and its record is gone. */
  emptied(callId: string, heir: string | undefined): void;
  readonly calls: ReadonlyMap<string, Call | undefined>;
  readonly heirs: ReadonlyMap<string, string | undefined>;
  readonly events: ReadonlyMap<string, readonly CallEvent[]>;
  readonly lateEvents: ReadonlyMap<string, readonly CallEvent[]>;
}

export function createCallChanges(): CallChanges {
  const calls = new Map<string, Call | undefined>();
  const heirs = new Map<string, string | undefined>();
  const events = new Map<string, readonly CallEvent[]>();
  const lateEvents = new Map<string, readonly CallEvent[]>();
  const addTo = (map: typeof events) => (callId: string, event: CallEvent) =>
    void map.set(callId, [...(map.get(callId) ?? []), event]);
  return {
    calls,
    heirs,
    events,
    lateEvents,
    happened: addTo(events),
    late: addTo(lateEvents),
    saved: (call) => calls.set(call.id, call),
    emptied: (callId, heir) => {
      calls.set(callId, undefined);
      heirs.set(callId, heir);
    },
  };
}
