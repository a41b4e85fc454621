import type { Page } from './ledger.ts';

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
