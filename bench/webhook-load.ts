/**
 * `node bench/webhook-load.ts`: webhooks to a call service of its own at a fixed rate, while a
 * consumer of outgoing webhooks hangs. How long until each is acknowledged, whether all are there,
 * and whether memory grows. `--write` puts the figures into docs/benchmarks.md.
 */
import { spawn } from 'node:child_process';
import { createHash, createHmac, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Client } from 'pg';
import { findFreePorts } from '../cli/free-ports.ts';
import { describeMachine } from './machine.ts';
import { machineCpuSeconds } from './process-usage.ts';
import { startPostgres } from './start-postgres.ts';
import { WEBHOOKS_PER_CALL, webhooksOfCall } from './webhook-calls.ts';
import type { BenchWebhook } from './webhook-calls.ts';

/* oxlint-disable no-console -- a command that talks to a person */

const ROOT = join(import.meta.dirname, '..');
const DOCUMENT = join(ROOT, 'docs/benchmarks.md');
const BEGIN = '<!-- webhook figures: written by bench/webhook-load.ts -->';
const END = '<!-- end of webhook figures -->';
const KEY = 'bench';
const SECRET = randomBytes(32).toString('base64url');
const API_KEY = randomBytes(16).toString('hex');
/** From one webhook of a call to its next. */
const STEP_MS = 300;
const SAMPLE_MS = 2_000;
/** More than LiveKit waits. */
const REQUEST_TIMEOUT_MS = 15_000;

// Ctrl-C ends what was started, too: the `finally`s below run before the process does.
const stop = new AbortController();
process.once('SIGINT', () => stop.abort());
process.once('SIGTERM', () => stop.abort());

const { values: options } = parseArgs({
  options: {
    rate: { type: 'string', default: '500' },
    seconds: { type: 'string', default: '120' },
    databases: { type: 'string', default: 'sqlite,postgres' },
    write: { type: 'boolean', default: false },
  },
});
const rate = Number(options.rate);
const seconds = Number(options.seconds);

interface Figures {
  readonly database: string;
  readonly sent: number;
  readonly refused: number;
  readonly stored: number;
  readonly calls: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  /** Resident MB of the service: after a quarter, the half, and at the end of the load. */
  readonly memory: readonly number[];
  readonly cores: number;
  readonly deliveriesTried: number;
  readonly consumer: boolean;
  /** Of the machine, beside the service: this program and whatever else runs. */
  readonly otherCores: number;
}

async function measure(database: string, databaseUrl?: string): Promise<Figures> {
  const dataDir = mkdtempSync(join(tmpdir(), 'webhook-load-'));
  const port = await findFreePorts(1);
  const consumer = await startHangingConsumer();
  const service = spawn(process.execPath, [join(ROOT, 'api/main.ts')], {
    cwd: dataDir,
    env: {
      PATH: process.env['PATH'],
      // Nobody is there: what the reconciler does beside it is not measured.
      LIVEKIT_URL: 'ws://127.0.0.1:9',
      LIVEKIT_API_KEY: KEY,
      LIVEKIT_API_SECRET: SECRET,
      TRUNKLINE_API_KEYS: API_KEY,
      TRUNKLINE_CONFIG: join(ROOT, 'config/lines.yaml'),
      TRUNKLINE_DATA_DIR: dataDir,
      TRUNKLINE_ENDPOINT_ALLOW: '127.0.0.1',
      TRUNKLINE_HTTP_PORT: String(port),
      TRUNKLINE_LOG_LEVEL: 'fatal',
      ...(databaseUrl !== undefined && { DATABASE_URL: databaseUrl }),
    },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const exited = once(service, 'exit');
  try {
    const base = `http://127.0.0.1:${port}`;
    while (!(await fetch(`${base}/healthz`).catch(() => undefined))?.ok) await delay(100);
    const registered = await fetch(`${base}/v1/endpoints`, {
      method: 'POST',
      headers: { authorization: `Bearer ${API_KEY}`, 'content-type': 'application/json' },
      body: JSON.stringify({ url: consumer.url, events: ['call.*', 'room.*', 'participant.*'] }),
    });
    const load = await sendLoad(port, service.pid ?? 0);
    const counts = await count(dataDir, databaseUrl);
    return {
      database,
      ...load,
      ...counts,
      consumer: registered.ok,
      deliveriesTried: consumer.requests(),
    };
  } finally {
    service.kill('SIGKILL');
    await exited;
    consumer.close();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

/** Takes every request and answers none. */
async function startHangingConsumer() {
  let requests = 0;
  const server = createServer(() => (requests += 1)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
    requests: () => requests,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** At its time whether or not those before were answered, as LiveKit's rooms do. */
async function sendLoad(port: number, pid: number) {
  const agent = new Agent({ keepAlive: true, maxSockets: 256 });
  const delays: number[] = [];
  const memory: number[] = [];
  const pending = new Set<Promise<void>>();
  let refused = 0;
  let calls = 0;
  const callEveryMs = (1000 * WEBHOOKS_PER_CALL) / rate;
  const startedAt = performance.now();
  const cpuBefore = { service: cpuSeconds(pid), machine: machineCpuSeconds() };
  const due: { at: number; webhook: BenchWebhook }[] = [];
  let sampledAt = 0;
  async function send(webhook: BenchWebhook): Promise<void> {
    const sentAt = performance.now();
    if (!(await post(port, agent, webhook))) refused += 1;
    delays.push(performance.now() - sentAt);
  }
  for (;;) {
    const now = performance.now() - startedAt;
    while (calls * callEveryMs <= Math.min(now, seconds * 1000 - 1)) {
      const at = calls * callEveryMs;
      for (const [step, webhook] of webhooksOfCall(calls, Date.now()).entries()) {
        due.push({ at: at + step * STEP_MS, webhook });
      }
      calls += 1;
    }
    due.sort((a, b) => a.at - b.at);
    for (let next = due[0]; next !== undefined && next.at <= now; next = due[0]) {
      due.shift();
      const sending = send(next.webhook);
      pending.add(sending);
      void sending.finally(() => pending.delete(sending));
    }
    if (now - sampledAt > SAMPLE_MS) {
      sampledAt = now;
      memory.push(residentMb(pid));
    }
    if (due.length === 0 && now > seconds * 1000) break;
    await delay(2, undefined, { signal: stop.signal });
  }
  await Promise.all(pending);
  const elapsed = (performance.now() - startedAt) / 1000;
  const service = cpuSeconds(pid) - cpuBefore.service;
  const machine = machineCpuSeconds() - cpuBefore.machine;
  agent.destroy();
  const sorted = delays.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.floor((sorted.length - 1) * share)] ?? 0;
  return {
    sent: delays.length,
    refused,
    calls,
    p50: at(0.5),
    p99: at(0.99),
    max: at(1),
    memory: [0.25, 0.5, 1].map((share) => memory[Math.floor((memory.length - 1) * share)] ?? 0),
    cores: service / elapsed,
    otherCores: (machine - service) / elapsed,
  };
}

/** True when it was acknowledged. */
function post(port: number, agent: Agent, { body }: BenchWebhook): Promise<boolean> {
  return new Promise((resolve) => {
    const outgoing = request(
      {
        port,
        host: '127.0.0.1',
        path: '/webhooks/livekit',
        method: 'POST',
        agent,
        timeout: REQUEST_TIMEOUT_MS,
        headers: {
          'content-type': 'application/webhook+json',
          'content-length': Buffer.byteLength(body),
          authorization: sign(body),
        },
      },
      (response) => {
        response.resume();
        response.once('end', () => resolve(response.statusCode === 200));
      },
    );
    outgoing.once('timeout', () => outgoing.destroy());
    outgoing.once('error', () => resolve(false));
    outgoing.end(body);
  });
}

/** As livekit-server signs: HS256 over the SHA-256 of the body. */
function sign(body: string): string {
  const now = Math.floor(Date.now() / 1000);
  const sha256 = createHash('sha256').update(body).digest('base64');
  const claims = { iss: KEY, nbf: now - 5, exp: now + 300, sha256 };
  const text = `${part({ alg: 'HS256', typ: 'JWT' })}.${part(claims)}`;
  return `${text}.${createHmac('sha256', SECRET).update(text).digest('base64url')}`;
}

const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/** What the database holds in the end. */
async function count(dataDir: string, databaseUrl: string | undefined) {
  const query = "select count(*) as n from events where id like 'EV\\_%' escape '\\'";
  if (databaseUrl === undefined) {
    const db = new DatabaseSync(join(dataDir, 'trunkline.sqlite'), { readOnly: true });
    const row = db.prepare(query).get() as { n: number };
    db.close();
    return { stored: row.n };
  }
  const client = new Client({ connectionString: databaseUrl });
  await client.connect();
  const { rows } = await client.query<{ n: string }>(query);
  await client.end();
  return { stored: Number(rows[0]?.n) };
}

function residentMb(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) / 1024;
}

/** utime and stime of /proc/<pid>/stat, in USER_HZ of 100. */
function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

function toMarkdown(results: readonly Figures[]): string {
  const rows = results.map((figures) =>
    [
      figures.database,
      `${figures.sent} (${figures.calls} calls)`,
      `${figures.refused} / ${figures.sent - figures.refused - figures.stored}`,
      `${figures.p50.toFixed(1)} / ${figures.p99.toFixed(1)} / ${figures.max.toFixed(0)}`,
      figures.memory.map((mb) => mb.toFixed(0)).join(' → '),
      figures.cores.toFixed(2),
      figures.consumer ? String(figures.deliveriesTried) : 'no such consumer',
      figures.otherCores.toFixed(2),
    ].join(' | '),
  );
  return [
    `Machine: ${describeMachine()}. Command: \`node bench/webhook-load.ts --rate ${rate} --seconds ${seconds}\`.`,
    '',
    '| database | webhooks sent | refused / lost | acknowledged after p50 / p99 / max, ms | memory at 25 % → 50 % → 100 %, MB | cores | deliveries that hang | other programs, cores |',
    '| --- | --- | --- | --- | --- | --- | --- | --- |',
    ...rows.map((row) => `| ${row} |`),
  ].join('\n');
}

const results: Figures[] = [];
for (const database of options.databases.split(',')) {
  console.log(`${database}: ${rate} webhooks a second for ${seconds} s …`);
  if (database === 'postgres') {
    await using postgres = await startPostgres();
    results.push(await measure('PostgreSQL', postgres.url));
  } else {
    results.push(await measure('SQLite'));
  }
}
const figures = toMarkdown(results);
console.log(`\n${figures}`);
if (options.write) {
  const document = readFileSync(DOCUMENT, 'utf8');
  const [before, rest] = document.split(BEGIN);
  const after = rest?.split(END)[1];
  if (before === undefined || after === undefined) throw new Error('no place for the figures');
  writeFileSync(DOCUMENT, `${before}${BEGIN}\n\n${figures}\n\n${END}${after}`);
}
