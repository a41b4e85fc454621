import type { Call } from './call.ts';
import type { CallEvent } from './events.ts';
import { orderOf } from './events.ts';
import { newCall, transition } from './transition.ts';

/**
 * The record that a call's events make. Their order and duplicates (by id) do not matter.
 * Undefined when there are no events.
 *
 * @example fold('call_1', [joined, answered, left])?.state; // 'ended'
 */
export function fold(id: string, events: Iterable<CallEvent>): Call | undefined {
  const distinct = new Map<string, CallEvent>();
  for (const event of events) distinct.set(event.id, event);
  const sorted = [...distinct.values()].sort((a, b) => (orderOf(a) < orderOf(b) ? -1 : 1));
  const [first] = sorted;
  if (first === undefined) return undefined;
  return sorted.reduce((call, event) => transition(call, event).call, newCall(id, first));
}
