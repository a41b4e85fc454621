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

/** SQLSTATE of a transaction that another one got in the way of. */
const CONFLICTS = new Set(['40001', '40P01']);
/** SQLSTATE lock_not_available, and query_canceled: the server's `lock_timeout`, `statement_timeout`. */
const TIMEOUTS = new Set(['55P03', '57014']);

/** Done again, it may succeed at once. */
export function isConflict(error: unknown): boolean {
  return CONFLICTS.has(codeOf(error));
}

/** Somebody holds what it needs, or it takes too long: it alone, not the store. */
export function isHeldUp(error: unknown): boolean {
  return isConflict(error) || TIMEOUTS.has(codeOf(error));
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

/** The next would fail likewise, whatever it is about. */
export function isForAll(error: unknown): boolean {
  return isAway(error) && !isHeldUp(error);
}

/** What went wrong, and where in our code, without a word of what it was about. */
export function reasonOf(error: unknown): string {
  const { name, issues, stack } = Object(error) as {
    name?: unknown;
    issues?: readonly { path: readonly PropertyKey[]; code: string }[];
    stack?: string;
  };
  const problems = issues?.map(({ path, code }) => `${path.join('.')} ${code}`) ?? [];
  const frame = stack?.split('\n').find((line) => /^ +at /.test(line) && !isForeign(line));
  const where = frame === undefined ? [] : [frame.trim().replace(/\(?(?:file:)?\/.*\//, '(')];
  return [typeof name === 'string' ? name : typeof error, codeOf(error), ...problems, ...where]
    .filter((part) => part !== '')
    .join(' ')
    .slice(0, MAX_REASON_LENGTH);
}

const MAX_REASON_LENGTH = 500;
const isForeign = (frame: string) => frame.includes('node_modules') || frame.includes('node:');

function codeOf(error: unknown): string {
  const { code, errcode } = Object(error) as { code?: unknown; errcode?: unknown };
  if (typeof code === 'string' && errcode === undefined) return code;
  return typeof errcode === 'number' ? String(errcode) : '';
}
