import type { Ledger, Page, StoredEvent } from './ledger.ts';

/** Events read at once: the longest calls have some hundred. */
const EVENTS = 1_000;

/** A page of what was asked for with one row more than the limit. */
export function pageOf<Row, T>(
  rows: readonly Row[],
  limit: number,
  map: (row: Row) => T,
  cursorOf: (row: Row) => string,
): Page<T> {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  const more = rows.length > limit && last !== undefined;
  return { data: shown.map(map), nextCursor: more ? cursorOf(last) : undefined };
}

/** All events of a call, by `sequence`, page by page. */
export async function* everyEvent(
  ledger: Pick<Ledger, 'events'>,
  callId: string,
): AsyncGenerator<StoredEvent> {
  let cursor: string | undefined;
  do {
    const page = await ledger.events(callId, { limit: EVENTS, cursor });
    yield* page.data;
    cursor = page.nextCursor;
  } while (cursor !== undefined);
}
