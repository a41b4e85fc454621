import type { Kysely } from 'kysely';
import { sql } from 'kysely';
import { z } from 'zod';
import type { Dialect } from '../dialect.ts';

const FINAL = sql`state in ('ended', 'failed')`;

/** What calls are looked for by: how they ended, which way they came, what was said in them. */
export async function addSearch(db: Kysely<unknown>, dialect: Dialect): Promise<void> {
  for (const column of ['end_reason', 'ingress', 'said']) {
    await db.schema.alterTable('calls').addColumn(column, 'text').execute();
  }
  const [reason, ingress] =
    dialect === 'sqlite'
      ? [sql`json_extract(record, '$.ending.reason')`, sql`json_extract(record, '$.ingress')`]
      : [sql`record::json #>> '{ending,reason}'`, sql`record::json ->> 'ingress'`];
  await sql`update calls set
    ingress = ${ingress},
    end_reason = case when ${FINAL} then coalesce(${reason}, 'unknown') end`.execute(db);
  for (const column of ['state', 'line', 'end_reason', 'ingress', 'started_at']) {
    await db.schema.createIndex(`calls_by_${column}`).on('calls').columns([column, 'id']).execute();
  }
  if (dialect === 'sqlite') await indexWords(db);
  await fill(db);
  if (dialect === 'postgres') {
    await sql`create index calls_said on calls
      using gin (to_tsvector('simple', coalesce(said, ''))) where said is not null`.execute(db);
  }
}

const Said = z.object({ turns: z.array(z.object({ text: z.string() })) });
const PORTION = 500;

/** What was said in the calls that there are. */
async function fill(db: Kysely<unknown>): Promise<void> {
  for (let after = ''; ;) {
    const { rows } = await sql<{ id: string; record: string }>`select id, record from calls
      where id > ${after} and sealed_at is not null order by id limit ${PORTION}`.execute(db);
    for (const { id, record } of rows) {
      const { turns } = Said.parse(JSON.parse(record));
      const said = turns.map(({ text }) => text.replaceAll('\0', '').toLowerCase()).join('\n');
      if (said !== '') await sql`update calls set said = ${said} where id = ${id}`.execute(db);
    }
    const last = rows.at(-1);
    if (last === undefined) return;
    after = last.id;
  }
}

/** @param row of a trigger: `old` */
const forget = (row: string) => `
    delete from said_words where rowid = (select n from said_calls where id = ${row}.id);`;

async function indexWords(db: Kysely<unknown>): Promise<void> {
  // Its rows are known by number, and a call's own number is not for good (VACUUM).
  await sql`create table said_calls (n integer primary key, id text not null unique)`.execute(db);
  await sql`create virtual table said_words using fts5(
    words, content='', contentless_delete=1, tokenize='unicode61 remove_diacritics 2')`.execute(db);
  // What is taken out is gone from the file at once.
  await sql`insert into said_words(said_words, rank) values ('secure-delete', 1)`.execute(db);
  const keep = `
    insert into said_calls(id) select new.id where new.said is not null
      on conflict(id) do nothing;
    insert into said_words(rowid, words)
      select n, new.said from said_calls where id = new.id and new.said is not null;`;
  for (const trigger of [
    `calls_said_insert after insert on calls begin ${keep} end`,
    `calls_said_update after update of said on calls when old.said is not new.said begin ${forget('old')} ${keep} end`,
    `calls_said_delete after delete on calls begin ${forget('old')}
      delete from said_calls where id = old.id; end`,
  ]) {
    await sql.raw(`create trigger ${trigger}`).execute(db);
  }
}
