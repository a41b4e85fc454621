/** Items per statement; SQLite takes 32,766 parameters, PostgreSQL 65,535. */
const MAX_ITEMS = 500;

/** Lists that one statement can take. */
export function* chunks<T>(items: readonly T[]): Generator<readonly T[]> {
  for (let start = 0; start < items.length; start += MAX_ITEMS) {
    yield items.slice(start, start + MAX_ITEMS);
  }
}
