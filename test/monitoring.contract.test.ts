import { execFile, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { findFreePorts } from '../cli/free-ports.ts';
import { findStackPorts } from '../cli/stack-ports.ts';
import { startCall } from './harness/simulated-caller.ts';
import { finalRecord } from './harness/call-records.ts';
import { startTestStack } from './harness/start-test-stack.ts';
import type { TestStack } from './harness/start-test-stack.ts';
import { Voice } from '../rehearsal/voice/voice.ts';
import { waitFor } from './harness/wait-for.ts';

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL('..', import.meta.url));
const MONITORING = join(ROOT, 'monitoring');
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');

const Rules = z.object({
  groups: z.array(
    z.object({
      rules: z.array(
        z.object({
          alert: z.string().optional(),
          expr: z.string(),
          annotations: z.object({ runbook_url: z.string() }).optional(),
        }),
      ),
    }),
  ),
});
const rules = Rules.parse(parse(read('monitoring/rules.yml'))).groups.flatMap(({ rules }) => rules);
const Dashboard = z.object({
  panels: z.array(
    z.object({ title: z.string(), targets: z.array(z.object({ expr: z.string() })) }),
  ),
});
const { panels } = Dashboard.parse(JSON.parse(read('monitoring/grafana/trunkline.json')));

test('promtool and amtool have nothing against the files, and each rule fires for its fault', async () => {
  const options = { cwd: MONITORING };
  await run('promtool', ['check', 'config', 'prometheus.yml'], options);
  await run('promtool', ['test', 'rules', 'rules.test.yml'], options);
  await run('amtool', ['check-config', 'alertmanager.yml'], options);
  const tested = read('monitoring/rules.test.yml');
  for (const { alert } of rules) if (alert) expect(tested).toContain(`alertname: ${alert}`);
});

test('each alert has a runbook, and each runbook an alert', () => {
  const pages = readdirSync(join(ROOT, 'docs/runbooks')).map((name) => `docs/runbooks/${name}`);
  const named = rules.flatMap(({ annotations }) => annotations?.runbook_url ?? []);
  expect(pages.sort()).toEqual(named.sort());
});

let folder: string;
let stack: TestStack;
let prometheus: string;
const children: ChildProcess[] = [];
const alerts: string[] = [];
const receiver = createServer((request, response) => {
  let body = '';
  request.on('data', (chunk: Buffer) => (body += chunk.toString()));
  request.on('end', () => {
    alerts.push(body);
    response.end();
  });
});

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'trunkline-monitoring-'));
  receiver.listen(0, '127.0.0.1');
  await once(receiver, 'listening');
  const ports = await findStackPorts();
  stack = await startTestStack({ ports });
  const port = await findFreePorts(2);
  prometheus = `http://127.0.0.1:${port}`;
  // The files as they are, but for the ports of this test and the time that an operator is spared.
  writeFileSync(
    join(folder, 'rules.yml'),
    read('monitoring/rules.yml').replaceAll(/ for: \d+m/g, ' for: 0s'),
  );
  writeFileSync(
    join(folder, 'prometheus.yml'),
    read('monitoring/prometheus.yml')
      .replaceAll('15s', '1s')
      .replace('127.0.0.1:9093', `127.0.0.1:${port + 1}`)
      .replace('127.0.0.1:8080', new URL(stack.apiUrl).host)
      .replace('127.0.0.1:8081', `127.0.0.1:${stack.config.worker.health.port}`)
      .replace('127.0.0.1:8090', `127.0.0.1:${stack.config.sip.health.port}`),
  );
  const { port: receiving } = receiver.address() as AddressInfo;
  writeFileSync(
    join(folder, 'alertmanager.yml'),
    read('monitoring/alertmanager.yml')
      .replace('127.0.0.1:9099', `127.0.0.1:${receiving}`)
      .replace('group_wait: 10s', 'group_wait: 0s'),
  );
  const start = (command: string, ...args: string[]) =>
    children.push(spawn(command, args, { cwd: folder, stdio: 'ignore' }));
  start(
    'prometheus',
    '--config.file=prometheus.yml',
    '--storage.tsdb.path=data',
    `--web.listen-address=127.0.0.1:${port}`,
  );
  start(
    'prometheus-alertmanager',
    '--config.file=alertmanager.yml',
    '--storage.path=alerts',
    `--web.listen-address=127.0.0.1:${port + 1}`,
    '--cluster.listen-address=',
  );
  await waitFor(async () => (await fetch(`${prometheus}/-/ready`)).ok, { timeout: 30_000 });
});
afterAll(async () => {
  for (const child of children) child.kill();
  receiver.close();
  await stack.stop();
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
});

const Answer = z.object({ data: z.object({ result: z.array(z.unknown()) }) });

async function query(expression: string): Promise<readonly unknown[]> {
  const parameters = new URLSearchParams({ query: expression }).toString();
  const response = await fetch(`${prometheus}/api/v1/query?${parameters}`);
  if (!response.ok) throw new Error(`${expression}: ${await response.text()}`);
  return Answer.parse(await response.json()).data.result;
}

/** What is there only where something went wrong, or another part is used. */
const MAY_BE_EMPTY = [
  'Errors of agents',
  'Rescues',
  'Webhooks to consumers',
  'SIP refused and dropped',
];

test('each panel has data of a real call, and each name in rules and panels is scraped', async () => {
  const voice = new Voice(stack.dataDir);
  // A rate is of what was there before: the first call makes the series, the second moves them.
  for (const [index, from] of ['+12025550801', '+12025550802'].entries()) {
    await startCall(stack, voice, { from, say: ["I'd like to book a table."] }).result;
    await finalRecord(stack, from);
    const counted = `sum(trunkline_calls_total) > ${index}`;
    await waitFor(async () => (await query(counted)).length > 0, { timeout: 20_000 });
  }
  await voice.close();
  const emptyPanels = async () => {
    const empty: string[] = [];
    for (const { title, targets } of panels) {
      const results = await Promise.all(targets.map(({ expr }) => query(expr)));
      if (results.every((result) => result.length === 0)) empty.push(title);
    }
    return empty.filter((title) => !MAY_BE_EMPTY.includes(title));
  };
  await waitFor(async () => (await emptyPanels()).length === 0, { timeout: 20_000 }).catch(
    () => undefined,
  );
  expect(await emptyPanels()).toEqual([]);

  const metadata = (await (await fetch(`${prometheus}/api/v1/metadata`)).json()) as {
    data: Record<string, unknown>;
  };
  const scraped = Object.keys(metadata.data);
  const expressions = [...rules, ...panels.flatMap(({ targets }) => targets)].map(
    ({ expr }) => expr,
  );
  const named = expressions.flatMap(
    (expr): string[] => expr.match(/\b(?:trunkline|nodejs)_[a-z0-9_]+/g) ?? [],
  );
  // Registered when there is something to tell.
  const late = ['trunkline_sip_setup_lost'];
  const unknown = [...new Set(named)].filter(
    (name) => !late.includes(name) && !scraped.includes(name.replace(/_(?:bucket|count|sum)$/, '')),
  );
  expect(unknown).toEqual([]);

  const documented: readonly string[] =
    read('docs/metrics.md').match(/`trunkline_[a-z0-9_]+`/g) ?? [];
  const ours = scraped.filter((name) => name.startsWith('trunkline_'));
  expect(ours.filter((name) => !documented.includes(`\`${name}\``))).toEqual([]);
});

test('a worker that is gone reaches the receiver as an alert', async () => {
  await stack.processes.get('agent')?.stop(0);
  await waitFor(() => alerts.some((body) => body.includes('"TrunklineNoWorker"')), {
    timeout: 60_000,
  });
  const [alert] = alerts.filter((body) => body.includes('"TrunklineNoWorker"'));
  expect(alert).toContain('docs/runbooks/TrunklineNoWorker.md');
  await waitFor(() => alerts.some((body) => body.includes('"TrunklineDown"')), { timeout: 30_000 });
});
