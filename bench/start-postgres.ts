import { execFile } from 'node:child_process';
import { chmod, chown, mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** Where Debian puts it. */
const BIN = '/usr/lib/postgresql/15/bin';
const run = promisify(execFile);

export interface BenchPostgres extends AsyncDisposable {
  readonly url: string;
}

/** A PostgreSQL with its default settings (commits wait for the disk), on a socket of its own. */
export async function startPostgres(): Promise<BenchPostgres> {
  const dir = await mkdtemp(join(tmpdir(), 'bench-postgres-'));
  const user = await unprivileged();
  await chmod(dir, 0o700);
  if (user.uid !== undefined && user.gid !== undefined) await chown(dir, user.uid, user.gid);
  const data = join(dir, 'db');
  await run(join(BIN, 'initdb'), ['-D', data, '-U', 'bench', '-A', 'trust'], { ...user, cwd: dir });
  const settings = `-c listen_addresses= -c unix_socket_directories=${dir}`;
  const pgCtl = (...args: string[]) => run(join(BIN, 'pg_ctl'), ['-D', data, ...args], user);
  await pgCtl('-w', '-l', join(dir, 'log'), '-o', settings, 'start');
  const sockets = (await readdir(dir)).filter((name) => /^\.s\.PGSQL\.\d+$/.test(name));
  const port = sockets[0]?.split('.').at(-1);
  return {
    url: `postgresql://bench@localhost:${port}/postgres?host=${encodeURIComponent(dir)}`,
    async [Symbol.asyncDispose]() {
      await pgCtl('-m', 'fast', 'stop');
      await rm(dir, { recursive: true });
    },
  };
}

/** PostgreSQL refuses to run as root. */
async function unprivileged(): Promise<{ uid?: number; gid?: number }> {
  if (process.getuid?.() !== 0) return {};
  const passwd = await readFile('/etc/passwd', 'utf8');
  const fields = /^(?:postgres|nobody):.*$/m.exec(passwd)?.[0].split(':') ?? [];
  return { uid: Number(fields[2]), gid: Number(fields[3]) };
}
