import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { ReportBody } from '../../../calls/reports.ts';
import { fullDisk } from '../../../test/harness/full-disk.ts';
import { waitFor } from '../../../test/harness/wait-for.ts';
import { newBranch, readMessage, SipClient } from '../fixtures/sip-client.ts';
import type { Received } from '../fixtures/sip-client.ts';

const RINGS = 'sip:+15550101@127.0.0.1';

interface Line {
  readonly port?: number;
  readonly report?: ReportBody;
  readonly ended?: string;
}

let dir: string;
let running: ChildProcess[];
let callers: SipClient[];
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'trunkline-last-words-'));
  running = [];
  callers = [];
});
afterEach(async () => {
  for (const caller of callers) caller.close();
  for (const child of running) await end(child, 'SIGKILL');
  rmSync(dir, { recursive: true });
});

async function start({ port = 0, notes = dir } = {}) {
  const child = spawn(
    process.execPath,
    [join(import.meta.dirname, '..', 'fixtures', 'endpoint-process.ts'), notes, String(port)],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  running.push(child);
  const lines: Line[] = [];
  createInterface(child.stdout).on('line', (line) => lines.push(JSON.parse(line) as Line));
  const opened = await waitFor(() => lines.find((line) => line.port !== undefined)?.port, {
    timeout: 20_000,
    what: 'the endpoint',
  });
  const endings = () =>
    lines.flatMap(({ report }) => (report?.type === 'leg.ended' ? [report.data] : []));
  return { child, port: opened, lines, endings };
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill(signal);
  await exited;
}

/** Resolves once the only note says that. */
async function noted(words: string): Promise<string> {
  return waitFor(() => {
    const [file] = readdirSync(dir).map((name) => join(dir, name));
    return file !== undefined && readFileSync(file, 'utf8').includes(words) ? file : undefined;
  });
}

async function call(port: number): Promise<SipClient> {
  const caller = await SipClient.open(port);
  callers.push(caller);
  return caller;
}

function okTo(request: Received): string {
  const headers = ['via', 'from', 'to', 'call-id', 'cseq'].map(
    (name) => `${name}: ${request.header(name)}`,
  );
  return ['SIP/2.0 200 OK', ...headers, 'content-length: 0', '', ''].join('\r\n');
}

test('kill -9: the next process says BYE to those who were answered, until they answer', async () => {
  const first = await start();
  const caller = await call(first.port);
  const dialled = caller.dial();
  await dialled.answered();
  expect(statSync(await noted('BYE')).mode & 0o777).toBe(0o600);

  await end(first.child, 'SIGKILL');
  const second = await start({ port: first.port });
  const bye = await caller.request('BYE');
  const again = await caller.request('BYE');
  expect(again.text).toBe(bye.text);
  expect(bye.text).toMatch(new RegExp(`^BYE sip:caller@127.0.0.1:${caller.port} SIP/2.0\r\n`));
  expect(bye.header('call-id')).toBe(dialled.callId);
  expect(bye.header('from')).toContain(`;tag=${dialled.toTag}`);
  expect(bye.header('to')).toBe(`<sip:+15550199@127.0.0.1>;tag=${dialled.tag}`);
  expect(Number(bye.cseq.split(' ')[0])).toBeGreaterThan(1_000);

  caller.send(okTo(bye));
  await waitFor(() => second.endings().length === 1);
  expect(second.endings()).toEqual([{ endedBy: 'system', endReason: 'service_lost' }]);
  expect(second.lines).toContainEqual({ ended: 'RM_fake' });
  await waitFor(() => readdirSync(dir).length === 0);
  // It is a new endpoint to everybody else.
  const next = await call(second.port);
  await next.dial().answered();
  expect(caller.received.filter(({ method }) => method === 'BYE')).toEqual([]);
});

test('kill -9: the next process refuses those who still hear it ring', async () => {
  const first = await start();
  const caller = await call(first.port);
  const dialled = caller.dial({ uri: RINGS });
  const ringing = await caller.status(180);
  await noted('503');
  await end(first.child, 'SIGKILL');
  const second = await start({ port: first.port });
  const refusal = await caller.status(503, 'INVITE');
  expect(refusal.header('to')).toBe(ringing.header('to'));
  expect(refusal.header('via')).toBe(ringing.header('via'));
  dialled.toTag = /;tag=([^;\s]+)/.exec(refusal.header('to') ?? '')?.[1];
  caller.send(dialled.text('ACK'));
  await waitFor(() => second.endings().length === 1);
  await waitFor(() => readdirSync(dir).length === 0);
});

test('kill -9 of that one as well, before the caller has answered: the third says it', async () => {
  const first = await start();
  const caller = await call(first.port);
  await caller.dial().answered();
  await noted('BYE');
  await end(first.child, 'SIGKILL');
  const second = await start({ port: first.port });
  const bye = await caller.request('BYE');
  await end(second.child, 'SIGKILL');
  caller.received.length = 0;
  await start({ port: first.port });
  const again = await caller.request('BYE');
  expect(again.text).toBe(bye.text);
  caller.send(okTo(again));
  await waitFor(() => readdirSync(dir).length === 0);
});

test('over TCP the BYE is said once, on a connection of its own', async () => {
  const byes: Received[] = [];
  const phone = createServer((socket) =>
    socket.on('data', (data) => {
      const bye = readMessage(data.toString('latin1'));
      byes.push(bye);
      socket.write(okTo(bye));
    }),
  );
  await once(phone.listen(0, '127.0.0.1'), 'listening');
  try {
    const { port } = phone.address() as AddressInfo;
    const first = await start();
    const caller = await call(first.port);
    await caller.dial({ contact: `<sip:caller@127.0.0.1:${port};transport=tcp>` }).answered();
    await noted('TCP');
    await end(first.child, 'SIGKILL');
    await start({ port: first.port });
    await waitFor(() => byes.length === 1 && readdirSync(dir).length === 0);
    expect(byes[0]?.method).toBe('BYE');
  } finally {
    phone.close();
  }
});

test('where a re-INVITE has moved the caller, the BYE goes there', async () => {
  const first = await start();
  const caller = await call(first.port);
  const dialled = caller.dial();
  await dialled.answered();
  const elsewhere = await call(first.port);
  dialled.cseq += 1;
  dialled.branch = newBranch();
  const moved = `Contact: <sip:moved@127.0.0.1:${elsewhere.port}>`;
  caller.send(dialled.text('INVITE').replace(/^Contact: .*$/m, moved));
  await dialled.answered();
  await noted('moved');
  await end(first.child, 'SIGKILL');
  await start({ port: first.port });
  const bye = await elsewhere.request('BYE');
  expect(bye.header('call-id')).toBe(dialled.callId);
});

test('nothing is kept of a call that has ended, nor by a process that stopped in order', async () => {
  const first = await start();
  const caller = await call(first.port);
  const dialled = caller.dial();
  await dialled.answered();
  await noted('BYE');
  dialled.next('BYE');
  await caller.status(200, 'BYE');
  await waitFor(() => readdirSync(dir).length === 0);

  const silent = await call(first.port);
  await silent.dial().answered();
  await noted('BYE');
  await end(first.child, 'SIGTERM');
  await silent.request('BYE');
  expect(readdirSync(dir)).toEqual([]);
});

test('a full disk costs the note and no call', async () => {
  const disk = fullDisk();
  const first = await start({ notes: join(disk.dir, 'sip-calls') });
  const caller = await call(first.port);
  const dialled = caller.dial();
  await dialled.answered();
  dialled.next('BYE');
  await caller.status(200, 'BYE');
  await waitFor(() => first.endings().length === 1);
});
