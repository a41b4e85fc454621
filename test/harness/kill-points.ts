import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';
import { fold } from '../../calls/fold.ts';
import { startPostgres } from '../../ledger/fixtures/postgres-server.ts';
import type { Store } from '../../api/store.ts';
import { openPostgresStore, openSqliteStore } from '../../api/store.ts';
import { startCallService } from './call-service.ts';

/** LiveKit has one queue for each room: so many rooms tell something at once. */
const SENDERS = 8;
/** The kill comes within this much of the first acknowledgement, ms. */
const LONGEST_MS = 150;

export interface KillPointsOptions {
  readonly database: 'sqlite' | 'postgres';
  readonly points: number;
  readonly seed: number;
  readonly onPoint?: (done: number) => void;
}

export interface KillPointsResult {
  readonly points: number;
  readonly acknowledged: number;
  /** Ids of events that were acknowledged and are not there. */
  readonly lost: readonly string[];
  /** What else is wrong. */
  readonly problems: readonly string[];
}

/**
 * Starts the call service, lets webhooks of calls come in, ends it with SIGKILL at a random moment,
 * and looks at the database; over and over, on one database.
 */
export async function killPoints(options: KillPointsOptions): Promise<KillPointsResult> {
  const { database, points, seed, onPoint } = options;
  const dir = await mkdtemp(join(tmpdir(), 'kill-points-'));
  const postgres = database === 'postgres' ? await startPostgres({ durable: true }) : undefined;
  const path = join(dir, 'trunkline.sqlite');
  const acknowledged = new Set<string>();
  const sent = new Set<string>();
  const problems: string[] = [];
  const lost: string[] = [];
  const open = () => (postgres ? openPostgresStore(postgres.url) : openSqliteStore(path));
  const ids = async () => {
    const query = `select id from events where id like 'EV%'`;
    const rows = postgres ? await postgres.sql(query) : querySqlite(path, query);
    return new Set(rows.map(({ id }) => String(id)));
  };
  let state = (seed >>> 0) + 1;
  const random = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
  try {
    for (let point = 1; point <= points; point += 1) {
      await runAndKill(dir, postgres?.url, point, random() * LONGEST_MS, { acknowledged, sent });
      if (database === 'sqlite') problems.push(...checkSqlite(path));
      const ledger = await open();
      problems.push(...(await wrongRecords(ledger, point)));
      await ledger.close();
      const there = await ids();
      lost.push(...[...acknowledged].filter((id) => !there.has(id) && !lost.includes(id)));
      if (problems.length > 20) break;
      onPoint?.(point);
    }
    if (postgres) {
      // The server itself as well: a crash, and its recovery.
      await postgres.stop('immediate');
      await postgres.start();
      problems.push(...(await checkPostgres(postgres)));
    }
    const ledger = await open();
    problems.push(...(await wrongRecords(ledger)));
    await ledger.close();
    const there = await ids();
    lost.push(...[...acknowledged].filter((id) => !there.has(id) && !lost.includes(id)));
    problems.push(...[...there].filter((id) => !sent.has(id)).map((id) => `${id} was not sent`));
    return { points, acknowledged: acknowledged.size, lost, problems };
  } finally {
    await postgres?.close();
    await rm(dir, { recursive: true, force: true });
  }
}

interface Told {
  readonly acknowledged: Set<string>;
  readonly sent: Set<string>;
}

async function runAndKill(
  dir: string,
  databaseUrl: string | undefined,
  point: number,
  afterMs: number,
  { acknowledged, sent }: Told,
): Promise<void> {
  const service = await startCallService(dir, databaseUrl);
  try {
    const first = Promise.withResolvers<void>();
    const senders = Array.from({ length: SENDERS }, async (_, sender) => {
      for (let call = 0; ; call += 1) {
        for (const webhook of callOf(`${point}_${sender}_${call}`)) {
          sent.add(webhook.id);
          const response = await service.tell(webhook).catch(() => undefined);
          if (!response?.ok) return;
          acknowledged.add(webhook.id);
          first.resolve();
        }
      }
    });
    await first.promise;
    await delay(afterMs);
    service.kill();
    await Promise.all(senders);
  } finally {
    await service.close();
  }
}

/** A caller comes into a room and leaves it: the webhooks of that. */
export function callOf(name: string) {
  const room = { sid: `RM_${name}`, name: `room-${name}` };
  const participant = {
    sid: `PA_${name}`,
    identity: 'sip_x',
    kind: 'SIP',
    attributes: { 'sip.callID': `SCL_${name}`, 'sip.ruleID': 'main' },
  };
  return ['room_started', 'participant_joined', 'participant_left', 'room_finished'].map(
    (event, index) => ({
      event,
      id: `EV_${name}_${index}`,
      createdAt: String(1_795_223_165 + index),
      room,
      ...(event.startsWith('participant') && { participant }),
    }),
  );
}

/** What is wrong: each record must be what its events make, and they numbered without gaps. */
async function wrongRecords(ledger: Store, point?: number): Promise<string[]> {
  const problems: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await ledger.calls({ limit: 1000, cursor });
    cursor = page.nextCursor;
    for (const call of page.data) {
      const name = call.room?.sid ?? '';
      if (point !== undefined && !name.startsWith(`RM_${point}_`)) continue;
      const { data } = await ledger.events(call.id, { limit: 1000 });
      const numbers = data.map(({ sequence }) => sequence).join();
      if (numbers !== data.map((_, index) => index + 1).join()) {
        problems.push(`${name}: numbered ${numbers}`);
      }
      const told = data.filter(({ late }) => !late).map(({ event }) => event);
      const { sealedAt: _sealed, missing: _givenUp, ...record } = call;
      if (canonical(fold(call.id, told)) !== canonical(record)) {
        problems.push(`${name}: the record is not what its events make`);
      }
    }
  } while (cursor !== undefined);
  return problems;
}

const canonical = (value: unknown) =>
  JSON.stringify(value, (_key, field: unknown) =>
    field !== null && typeof field === 'object' && !Array.isArray(field)
      ? Object.fromEntries(Object.entries(field).sort(([a], [b]) => (a < b ? -1 : 1)))
      : field,
  );

function querySqlite(path: string, query: string): readonly Record<string, unknown>[] {
  const db = new DatabaseSync(path, { timeout: 5_000 });
  try {
    return db.prepare(query).all();
  } finally {
    db.close();
  }
}

function checkSqlite(path: string): string[] {
  const rows = querySqlite(path, 'pragma integrity_check').map((row) => Object.values(row)[0]);
  return rows.join() === 'ok' ? [] : rows.map((row) => `integrity_check: ${String(row)}`);
}

/** Every index beside its table, page by page. */
async function checkPostgres(server: Awaited<ReturnType<typeof startPostgres>>): Promise<string[]> {
  await server.sql('create extension if not exists amcheck');
  try {
    await server.sql(
      `select bt_index_check(c.oid, true) from pg_index i join pg_class c on c.oid = i.indexrelid
       join pg_am a on a.oid = c.relam join pg_namespace n on n.oid = c.relnamespace
       where a.amname = 'btree' and n.nspname = 'public'`,
    );
    return [];
  } catch (error) {
    return [`amcheck: ${(error as Error).message}`];
  }
}
