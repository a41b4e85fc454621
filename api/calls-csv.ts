import { Readable } from 'node:stream';
import { stringify } from 'csv-stringify';
import type { Call } from '../calls/call.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { viewCall } from './views.ts';

const PAGE = 200;
/** A spreadsheet takes a million rows; whoever wants all of them narrows the time. */
const MAX_ROWS = 100_000;

const COLUMNS = [
  'id',
  'startedAt',
  'answeredAt',
  'endedAt',
  'durationSeconds',
  'direction',
  'ingress',
  'line',
  'from',
  'to',
  'state',
  'endedBy',
  'endReason',
  'sipCode',
  'turns',
  'medianReplyMs',
] as const;

/**
 * Calls as a table (RFC 4180), newest first, page by page as it is read. What a caller may have
 * written is no formula (OWASP, CSV injection).
 */
export function callsCsv(
  ledger: Pick<Ledger, 'calls'>,
  filter: Omit<Parameters<Ledger['calls']>[0], 'limit'>,
): Readable {
  const rows = Readable.from(rowsOf(ledger, filter));
  const table = stringify({ header: true, columns: [...COLUMNS], escape_formulas: true });
  rows.on('error', (error) => table.destroy(error));
  return rows.pipe(table);
}

async function* rowsOf(
  ledger: Pick<Ledger, 'calls'>,
  filter: Omit<Parameters<Ledger['calls']>[0], 'limit'>,
): AsyncGenerator<Partial<Record<(typeof COLUMNS)[number], string | number | undefined>>> {
  let { cursor } = filter;
  for (let count = 0; count < MAX_ROWS;) {
    const page = await ledger.calls({ ...filter, limit: PAGE, ...(cursor && { cursor }) });
    for (const call of page.data) yield rowOf(call);
    count += page.data.length;
    cursor = page.nextCursor;
    if (cursor === undefined) return;
  }
}

function rowOf(call: Call) {
  const { turns, endedAt, startedAt, ...view } = viewCall(call);
  const waits = turns.flatMap(({ latency }) => latency?.total ?? []).sort((a, b) => a - b);
  const seconds = endedAt && Math.round((Date.parse(endedAt) - Date.parse(startedAt)) / 1000);
  return {
    ...view,
    startedAt,
    endedAt,
    durationSeconds: seconds,
    turns: turns.length,
    medianReplyMs: waits[Math.floor(waits.length / 2)],
  };
}
