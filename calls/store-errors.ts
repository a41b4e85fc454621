/** More events wait for the store than may: it is away or slow. Try again later. */
export class StoreBusyError extends Error {
  readonly code = 'store_busy';
  readonly retryable = true;

  constructor() {
    super('the ledger does not keep up');
  }
}

/** SQLSTATE classes (PostgreSQL, appendix A): data, integrity, limits of the program. */
const DATA_STATES = /^(?:22|23|54)/;
/** sqlite.org/rescode.html: TOOBIG, CONSTRAINT, MISMATCH, RANGE. */
const DATA_RESULTS = new Set([18, 19, 20, 25]);
/** SQLSTATE of a transaction that another one got in the way of. */
const CONFLICTS = new Set(['40001', '40P01']);

/**
 * Whether the store refused what it was given, or could not read it, rather than being away, full
 * or in trouble: then the same might be taken without the one event that is bad.
 */
export function isAboutTheData(error: unknown): boolean {
  if (error instanceof TypeError || error instanceof RangeError || error instanceof SyntaxError) {
    return true;
  }
  const { code, errcode } = Object(error) as { code?: unknown; errcode?: unknown };
  if (typeof errcode === 'number') return DATA_RESULTS.has(errcode & 0xff);
  return typeof code === 'string' && code.length === 5 && DATA_STATES.test(code);
}

/** Done again, it may succeed at once. */
export function isConflict(error: unknown): boolean {
  const { code } = Object(error) as { code?: unknown };
  return typeof code === 'string' && CONFLICTS.has(code);
}
