import { sql } from 'kysely';
import type { RawBuilder } from 'kysely';
import type { Call } from '../../calls/call.ts';
import { isFinal } from '../../calls/call.ts';
import { ERASED } from '../../calls/erased.ts';
import type { Dialect } from './dialect.ts';

/** A record, and what is taken from it to find it by: the columns of a call that say the same. */
export function columnsOf(call: Call) {
  const { state, ending, ingress, sealedAt, turns } = call;
  const said = turns
    .map(({ text }) => text)
    .filter((text) => text !== ERASED)
    .join('\n')
    // PostgreSQL has no text with it.
    .replaceAll('\0', '')
    // A database whose locale is C knows no other letters than those of ASCII.
    .toLowerCase();
  return {
    record: JSON.stringify(call),
    ingress,
    endReason: isFinal(state) ? (ending?.reason ?? 'unknown') : null,
    // Once: to index every turn as it comes would cost a busy database more than it is worth.
    said: sealedAt === undefined || said === '' ? null : said,
  };
}

/** Calls in which all of these words were said, in any order. */
export function saidIn(dialect: Dialect, asked: string): RawBuilder<boolean> {
  const words = asked.toLowerCase();
  if (dialect === 'postgres') {
    return sql<boolean>`said is not null
      and to_tsvector('simple', coalesce(said, '')) @@ plainto_tsquery('simple', ${words})`;
  }
  // Each in quotes, so that none is taken for an operator.
  const match = (words.match(/[\p{L}\p{N}]+/gu) ?? []).map((word) => `"${word}"`).join(' ');
  if (match === '') return sql<boolean>`false`;
  return sql<boolean>`id in (select said_calls.id from said_words
    join said_calls on said_calls.n = said_words.rowid where said_words match ${match})`;
}

/** Calls that began in that time; either end may be open. By an index that has nothing but times. */
export function begunIn(since: string | undefined, until: string | undefined): RawBuilder<boolean> {
  const from = since === undefined ? sql`` : sql`and started_at >= ${since}`;
  const to = until === undefined ? sql`` : sql`and started_at < ${until}`;
  return sql<boolean>`id in (select id from calls where true ${from} ${to})`;
}

/** Calls with a number, on either side, that ends with these digits. */
export function withNumber(digits: string): RawBuilder<boolean> {
  const ending = `%${digits}`;
  // Each half by an index that has nothing but numbers.
  return sql<boolean>`id in (
    select id from calls where from_number like ${ending}
    union all select id from calls where to_number like ${ending})`;
}
