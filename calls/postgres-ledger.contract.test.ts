import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, chown, mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Client } from 'pg';
import { afterAll, beforeAll, describe } from 'vitest';
import { ledgerContract } from './fixtures/ledger-contract.ts';
import { openPostgresLedger } from './postgres-ledger.ts';

/** Where Debian puts it. */
const BIN = '/usr/lib/postgresql/15/bin';
const run = promisify(execFile);

/** PostgreSQL refuses to run as root. */
async function unprivileged(): Promise<{ uid?: number; gid?: number }> {
  if (process.getuid?.() !== 0) return {};
  const passwd = await readFile('/etc/passwd', 'utf8');
  const fields = /^(?:postgres|nobody):.*$/m.exec(passwd)?.[0].split(':') ?? [];
  return { uid: Number(fields[2]), gid: Number(fields[3]) };
}

describe.skipIf(!existsSync(BIN))('PostgreSQL', () => {
  let dir: string;
  let url: string;
  let user: { uid?: number; gid?: number };

  const pgCtl = (...args: string[]) =>
    run(join(BIN, 'pg_ctl'), ['-D', join(dir, 'db'), ...args], user);

  async function sql(text: string): Promise<void> {
    const client = new Client({ connectionString: url });
    await client.connect();
    await client.query(text);
    await client.end();
  }

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'postgres-'));
    user = await unprivileged();
    await chmod(dir, 0o700);
    if (user.uid !== undefined && user.gid !== undefined) await chown(dir, user.uid, user.gid);
    await run(join(BIN, 'initdb'), ['-D', join(dir, 'db'), '-U', 'test', '-A', 'trust'], {
      ...user,
      cwd: dir,
    });
    // On a socket in our own folder: no port, no network.
    const settings = `-c listen_addresses= -c unix_socket_directories=${dir} -c fsync=off`;
    await pgCtl('-w', '-l', join(dir, 'log'), '-o', settings, 'start');
    const [socket = ''] = (await readdir(dir)).filter((name) => /^\.s\.PGSQL\.\d+$/.test(name));
    const port = socket.split('.').at(-1);
    url = `postgresql://test@localhost:${port}/postgres?host=${encodeURIComponent(dir)}`;
  });
  afterAll(async () => {
    await pgCtl('-m', 'immediate', 'stop');
    await rm(dir, { recursive: true });
  });

  ledgerContract(
    () => openPostgresLedger(url),
    () => sql('drop schema if exists public cascade; create schema public'),
  );
});
