/**
 * A prepared statement has a fixed number of parameters, and keeping one for each length of a list
 * would fill the memory (SQLite frees one that is not kept only when its JavaScript object is
 * collected). So lists are made of lengths that are powers of two: few statements do for all.
 */
const MAX_LENGTH = 256;

/** Rows to insert: each once, so a list is divided. */
export function* rowLists<T>(rows: readonly T[]): Generator<readonly T[]> {
  let start = 0;
  while (start < rows.length) {
    const length = Math.min(MAX_LENGTH, 2 ** Math.floor(Math.log2(rows.length - start)));
    yield rows.slice(start, start + length);
    start += length;
  }
}

/** Values to look for with `in`: twice does no harm, so a list is filled up. */
export function* valueLists<T>(values: readonly T[]): Generator<readonly T[]> {
  for (let start = 0; start < values.length; start += MAX_LENGTH) {
    const some = values.slice(start, start + MAX_LENGTH);
    yield filled(some, filledLength(some.length));
  }
}

/** Lists by what they are lists of, in one order and of one length, for one statement. */
export function sameLength<K, T>(lists: ReadonlyMap<K, readonly T[]>): readonly [K, T[]][] {
  const longest = Math.max(0, ...[...lists.values()].map((list) => list.length));
  return [...lists]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, list]) => [name, filled(list, filledLength(longest))]);
}

function filledLength(length: number): number {
  return 2 ** Math.ceil(Math.log2(length));
}

/** With the last value again and again. */
function filled<T>(values: readonly T[], length: number): T[] {
  const last = values.at(-1) as T;
  return [...values, ...Array<T>(length - values.length).fill(last)];
}
