import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createClient } from '../client/index.ts';
import { doctorCommand } from '../cli/doctor/doctor.ts';
import type { Finding } from '../cli/doctor/finding.ts';
import { stackPortsEnv } from '../cli/stack-ports.ts';
import { findStackPorts } from '../cli/stack-ports.ts';
import type { StackPorts } from '../cli/stack-ports.ts';
import { startLivekit } from './harness/start-livekit.ts';
import { startTestStack } from './harness/start-test-stack.ts';
import type { TestStack } from './harness/start-test-stack.ts';

const ONE_LINE = fileURLToPath(new URL('fixtures/one-line.yaml', import.meta.url));
const NOBODY = 'http://127.0.0.1:9';

let folder: string;
let ports: StackPorts;
let stack: TestStack;
/** A provider that takes no key. */
const refusing = createServer((_request, response) => response.writeHead(401).end());
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'trunkline-doctor-'));
  ports = await findStackPorts();
  stack = await startTestStack({ ports, env: { TRUNKLINE_CONFIG: ONE_LINE } });
  refusing.listen(0, '127.0.0.1');
  await once(refusing, 'listening');
});
afterAll(async () => {
  refusing.close();
  await stack.stop();
  rmSync(folder, { recursive: true, force: true });
});

const refusingUrl = () => `http://127.0.0.1:${(refusing.address() as AddressInfo).port}`;

async function examine(env: Readonly<Record<string, string>> = {}) {
  const lines: string[] = [];
  const code = await doctorCommand({
    args: ['--json'],
    cwd: folder,
    env: {
      ...stackPortsEnv(ports),
      TRUNKLINE_DATA_DIR: stack.dataDir,
      TRUNKLINE_CONFIG: ONE_LINE,
      ...env,
    },
    say: () => {},
    print: (line) => lines.push(line),
  });
  const findings = lines.map((line) => JSON.parse(line) as Finding & { readonly name: string });
  return { code, findings, of: (name: string) => findings.find((one) => one.name === name) };
}

test('all is well: nothing is red, and nothing was changed', async () => {
  const { code, findings } = await examine();
  expect(findings.filter(({ level }) => level !== 'pass' && level !== 'skip')).toEqual([]);
  expect(code).toBe(0);
  expect(findings.find(({ name }) => name === 'webhooks')?.level).toBe('pass');
  expect(await stack.get('/v1/calls')).toEqual({ data: [], nextCursor: null });
});

test.each<[string, string, () => Record<string, string>, RegExp]>([
  ['a setting', 'configuration', () => ({ TRUNKLINE_SIP_PORT: 'x' }), /problem/],
  [
    "Deepgram's key",
    'Deepgram',
    () => ({ DEEPGRAM_API_KEY: 'wrong', DEEPGRAM_BASE_URL: refusingUrl() }),
    /refuses the key \(401\)/,
  ],
  [
    "OpenAI's key",
    'OpenAI',
    () => ({ OPENAI_API_KEY: 'wrong', OPENAI_BASE_URL: `${refusingUrl()}/v1` }),
    /refuses the key \(401\)/,
  ],
  ['LiveKit is away', 'LiveKit', () => ({ LIVEKIT_URL: NOBODY }), /does not answer/],
  [
    "LiveKit's secret",
    'LiveKit',
    () => ({ LIVEKIT_API_KEY: 'devkey', LIVEKIT_API_SECRET: 'another-secret-of-32-characters!' }),
    /refuses our key/,
  ],
  ['no worker', 'agent worker', () => ({ TRUNKLINE_WORKER_PORT: '9' }), /No worker answers/],
  ['no call service', 'call service', () => ({ TRUNKLINE_API_URL: NOBODY }), /does not answer/],
])('broken on purpose: %s', async (_what, name, env, message) => {
  const { code, of } = await examine(env());
  expect(of(name)).toMatchObject({ level: 'fail', message: expect.stringMatching(message) });
  expect(of(name)?.steps).not.toEqual([]);
  expect(code).toBe(2);
});

test('broken on purpose: the dispatch rule sends for another agent', async () => {
  const rule = { dispatch_rule: { roomConfig: { agents: [{ agentName: 'somebody' }] } } };
  const file = join(folder, 'sip-dispatch-rule.json');
  writeFileSync(file, JSON.stringify(rule));
  const { code, of } = await examine();
  rmSync(file);
  expect(of('numbers')?.message).toContain('sends for "somebody"');
  expect(code).toBe(2);
});

test('broken on purpose: no line has a number of the trunk', async () => {
  const trunk = {
    trunk: { name: 'x', numbers: ['+12025550177'], allowed_addresses: ['127.0.0.1'] },
  };
  writeFileSync(join(folder, 'trunk.json'), JSON.stringify(trunk));
  const lines = `
trunk: { profile: twilio, file: trunk.json }
agents:
  desk:
    instructions: Be kind.
    greeting: { text: Hello. }
    stt: { provider: deepgram, model: nova-3 }
    llm: { provider: openai, model: gpt-4.1-mini }
    tts: { provider: deepgram, model: aura-2-thalia-en }
lines:
  main: { numbers: ['+12025550100'], language: en, agent: desk }
`;
  writeFileSync(join(folder, 'lines.yaml'), lines);
  const { code, of } = await examine({ TRUNKLINE_CONFIG: join(folder, 'lines.yaml') });
  expect(of('numbers')?.message).toBe('No line has +12025550177 of the trunk file.');
  expect(code).toBe(2);
});

test("broken on purpose: LiveKit's webhooks go elsewhere", async () => {
  await using other = await startLivekit();
  const { code, of } = await examine({
    LIVEKIT_URL: other.url,
    LIVEKIT_API_KEY: other.apiKey,
    LIVEKIT_API_SECRET: other.apiSecret,
  });
  expect(of('LiveKit')?.level).toBe('pass');
  expect(of('webhooks')).toMatchObject({ level: 'fail' });
  expect(code).toBe(2);
});

test('a consumer that is off is a warning', async () => {
  const client = createClient({ url: stack.apiUrl, apiKey: stack.apiKey });
  const { id } = await client.endpoints.create({ url: 'https://example.com/x', events: ['*'] });
  await client.endpoints.change(id, { disabled: true });
  const { code, of } = await examine();
  await client.endpoints.delete(id);
  expect(of('consumers')).toMatchObject({ level: 'warn' });
  expect(code).toBe(1);
});
