/** How long a page of calls takes at 100,000 of them, by each filter, on SQLite. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openSqliteStore } from '../api/store.ts';
import { connectSqlite } from '../ledger/sql/sqlite.ts';

/* oxlint-disable no-console -- a command that talks to a person */

const CALLS = 100_000;
const AT_ONCE = 500;
/** Each filter is asked so often; the middle one counts. */
const TIMES = 5;
const WORDS = ['table', 'people', 'tomorrow', 'seven', 'anna', 'vegetarian', 'parking', 'window'];
/** As large as the record of a call of some ten turns. */
const PADDING = 'x'.repeat(3_000);

function row(index: number) {
  const id = `call_${String(index).padStart(26, '0')}`;
  const words = Array.from({ length: 60 }, (_, n) => WORDS[(index * 7 + n * 3) % WORDS.length]);
  const said = words.join(' ') + (index % 5_000 === 0 ? ' lighthouse' : '');
  const startedAt = new Date(1.7e12 + index * 60_000).toISOString();
  const [line, ingress] = [index % 2 ? 'main' : 'other', index % 3 ? 'sip' : 'browser'];
  const [from, to] = [`+1202${5_550_000 + index}`, '+12025550100'];
  const endReason = index % 1_000 ? 'caller_hangup' : 'agent_lost';
  const call = { id, line, ingress, from, to, startedAt, turns: [], legs: [], PADDING };
  return {
    id,
    state: 'ended' as const,
    direction: 'inbound' as const,
    line,
    fromNumber: from,
    toNumber: to,
    startedAt,
    endedAt: startedAt,
    sealedAt: startedAt,
    touchedAt: startedAt,
    lastSequence: 1,
    record: JSON.stringify(call),
    endReason,
    ingress,
    said,
  };
}

const QUERIES = [
  {},
  { cursor: row(CALLS / 2).id },
  { state: 'failed' as const },
  { line: 'main' },
  { endReason: 'agent_lost' },
  { ingress: 'browser' },
  { from: row(1).fromNumber },
  { number: '9999' },
  { said: 'lighthouse' },
  { said: 'anna table' },
  { since: '2030-01-01T00:00:00.000Z' },
  { endReason: 'agent_lost', ingress: 'browser', line: 'other', said: 'lighthouse' },
];

const folder = mkdtempSync(join(tmpdir(), 'trunkline-call-list-'));
const file = join(folder, 'ledger.sqlite');
const store = await openSqliteStore(file, { country: undefined, secret: 'secret-'.repeat(6) });
const db = await connectSqlite(file);
try {
  for (let from = 0; from < CALLS; from += AT_ONCE) {
    const rows = Array.from({ length: AT_ONCE }, (_, n) => row(from + n));
    await db.transaction().execute((tx) => tx.insertInto('calls').values(rows).execute());
  }
  console.log(`| filter | calls | ms |\n| --- | --- | --- |`);
  for (const query of QUERIES) {
    const times: number[] = [];
    let found = 0;
    for (let n = 0; n < TIMES; n += 1) {
      const start = performance.now();
      found = (await store.calls({ limit: 50, ...query })).data.length;
      times.push(performance.now() - start);
    }
    const middle = times.sort((a, b) => a - b)[Math.floor(TIMES / 2)] ?? 0;
    console.log(`| \`${JSON.stringify(query)}\` | ${found} | ${middle.toFixed(1)} |`);
  }
} finally {
  await db.destroy();
  await store.close();
  rmSync(folder, { recursive: true });
}
