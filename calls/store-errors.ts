/** More events wait for the store than may: it is away or slow. Try again later. */
export class StoreBusyError extends Error {
  readonly code = 'store_busy';
  readonly retryable = true;

  constructor() {
    super('the ledger does not keep up');
  }
}

/** Another transaction came between: done again, it may succeed at once. */
export class ConflictError extends Error {
  /** SQLSTATE serialization_failure. */
  readonly code = '40001';

  constructor() {
    super('another transaction has stored the same');
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

/** PostgreSQL, appendix A: connection, resources, operator's intervention, system, conflicts. */
const AWAY_STATES = /^(?:08|53|57|58|40|55)...$/;
/** sqlite.org/rescode.html: BUSY, LOCKED, READONLY, IOERR, FULL, CANTOPEN. */
const AWAY_RESULTS = new Set([5, 6, 8, 10, 13, 14]);
/** Of the network, from the operating system. */
const AWAY_CODES = /^(?:ECONN|EPIPE|ENOTFOUND|EAI_|EHOST|ENET|ETIMEDOUT)/;
/** What `pg` says of a connection in words only. */
const AWAY_WORDS = /^(?:Connection terminated|timeout exceeded|Query read timeout|Client has enc)/;

/** The store is away, full or busy: the same may be taken later. */
export function isAway(error: unknown): boolean {
  if (error instanceof StoreBusyError) return true;
  const { code, errcode, syscall, message } = Object(error) as Record<string, unknown>;
  if (typeof errcode === 'number') return AWAY_RESULTS.has(errcode & 0xff);
  if (syscall === 'connect') return true;
  if (typeof code === 'string') return AWAY_STATES.test(code) || AWAY_CODES.test(code);
  return typeof message === 'string' && AWAY_WORDS.test(message);
}
