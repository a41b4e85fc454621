import type { Call } from '../call.ts';
import type { CallEvent } from '../events.ts';
import type { Evidence } from './rule.ts';

/** The last event of that type. */
export function last<T extends CallEvent['type']>(
  events: readonly CallEvent[],
  type: T,
): Extract<CallEvent, { type: T }> | undefined {
  return events.findLast((event) => event.type === type) as
    | Extract<CallEvent, { type: T }>
    | undefined;
}

export function says({ id }: CallEvent, text: string): Evidence {
  return { text, eventId: id };
}

/** Between two times of the record, in whole seconds; undefined when one is not known. */
export function secondsBetween(from: string | undefined, to: string | undefined) {
  if (from === undefined || to === undefined) return undefined;
  return Math.max(0, Math.round((Date.parse(to) - Date.parse(from)) / 1000));
}

/** ` after 9 s`, or nothing where that is not known. */
export function after(seconds: number | undefined): string {
  return seconds === undefined ? '' : ` after ${seconds} s`;
}

/** From the beginning to the end. */
export function lasted({ startedAt, endedAt }: Call): number | undefined {
  return secondsBetween(startedAt, endedAt);
}

/** How many things of a kind. */
export function count(number: number, thing: string): string {
  return `${number} ${thing}${number === 1 ? '' : 's'}`;
}
