import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { findLine } from './config.ts';
import type { Part } from './config.ts';
import { ConfigError } from './config-error.ts';
import { loadConfig } from './load-config.ts';

const project = resolve(import.meta.dirname, '..');
let cwd: string;

beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'trunkline-config-'));
  for (const file of ['config/lines.yaml', 'sip-trunk.json']) {
    write(file, readFileSync(join(project, file), 'utf8'));
  }
});
afterEach(() => rmSync(cwd, { recursive: true }));

function write(file: string, content: string): void {
  mkdirSync(dirname(join(cwd, file)), { recursive: true });
  writeFileSync(join(cwd, file), content);
}

const load = (env: Record<string, string> = {}) => loadConfig({ env, cwd });

/** The problems, each as one line without the count above. */
function problemsOf(env: Record<string, string> = {}, builtInSip = false): string[] {
  try {
    loadConfig({ env, cwd, builtInSip });
  } catch (error) {
    if (error instanceof ConfigError) return error.message.split('\n').slice(1);
    throw error;
  }
  return [];
}

/** Where the built-in SIP endpoint is to run. */
function trunkProblemsOf(trunk: object): string[] {
  write('sip-trunk.json', JSON.stringify({ trunk }, undefined, 2));
  return problemsOf({}, true);
}

const MINIMAL = `
agents:
  desk:
    instructions: Be kind.
    greeting: { text: Hello. }
lines:
  main: { numbers: ['*'], language: en, agent: desk }
`;

const version = () => load().lines[0]?.agent.version;

function withTts(tts: string): void {
  write('config/lines.yaml', MINIMAL.replace('greeting:', `tts: ${tts}\n    greeting:`));
}

function withFallback(fallback: string): void {
  const line = `agent: desk, fallback: ${fallback} }`;
  write('config/lines.yaml', MINIMAL.replace('agent: desk }', line));
}

describe('the shipped example', () => {
  test('answers a Novofon number and any other', () => {
    const { lines, sip } = load();
    expect(findLine(lines, '+73433009243')?.name).toBe('reservations');
    expect(findLine(lines, '1000')?.name).toBe('anything');
    expect(sip.trunk).toMatchObject({
      name: 'novofon',
      profile: 'novofon',
      calledNumberHeader: 'CALLED_DID',
      headersToAttributes: { CALLED_DID: 'sip.h.called_did' },
      calledNumberAttribute: 'sip.h.called_did',
      country: 'RU',
      codecs: ['PCMA', 'PCMU'],
    });
  });

  test('rehearses without keys, on loopback, with a secret of its own', () => {
    const config = load();
    expect(config.providers).toEqual({
      deepgram: { apiKey: 'rehearsal', baseUrl: 'http://127.0.0.1:9900', rehearsed: true },
      openai: { apiKey: 'rehearsal', baseUrl: 'http://127.0.0.1:9900/v1', rehearsed: true },
      rehearsal: { host: '127.0.0.1', port: 9900 },
    });
    expect(config.livekit).toMatchObject({ url: 'ws://127.0.0.1:7880', apiKey: 'devkey' });
    expect(config.livekit.apiSecret).toBe(load().livekit.apiSecret);
    expect(config.sip.host).toBe('127.0.0.1');
    expect(config.callServiceUrl).toBe('http://127.0.0.1:8080');
    expect(config.dataDir).toBe(join(cwd, '.trunkline'));
  });

  test('is frozen all the way down', () => {
    const config = load();
    expect(Object.isFrozen(config)).toBe(true);
    expect(Object.isFrozen(config.lines[0]?.agent.stt.keyterms)).toBe(true);
  });
});

describe('a process', () => {
  const others: string[] = [];
  const use = <Used extends Part>(env: Record<string, string>, ...uses: Used[]) =>
    loadConfig({ env, cwd, uses, onOther: ({ message }) => others.push(message) });
  beforeEach(() => {
    others.length = 0;
  });

  test('is not stopped by a trunk file that it does not use', () => {
    const trunk = { numbers: ['878725'], allowed_addresses: ['here'], auth_realm: 7 };
    write('sip-trunk.json', JSON.stringify({ trunk }));
    expect(use({}, 'http', 'numbering')).toMatchObject({
      numbering: {
        country: 'RU',
        calledNumberAttribute: 'sip.h.called_did',
        trunkNumbers: ['878725'],
      },
    });
    expect(others).toEqual([expect.stringContaining('trunk.allowed_addresses[0] should be an IP')]);
    expect(() => use({}, 'sip')).toThrow(ConfigError);
    write('sip-trunk.json', '{');
    expect(use({}, 'numbering').numbering.trunkNumbers).toEqual([]);
  });

  test.each(['{"trunk":{"auth_password":"a" s3cret}}', '{"auth_password": s3cret}', 's3cret'])(
    'is told that this is no JSON, and no more of it: %s',
    (content) => {
      write('sip-trunk.json', content);
      expect(problemsOf()).toEqual([expect.stringMatching(/sip-trunk.json.*: is not JSON: /)]);
      expect(problemsOf().join()).not.toContain('s3');
    },
  );

  test('is stopped by the variables of its parts, and by names that nobody knows', () => {
    const env = { TRUNKLINE_SIP_PORT: 'x', TRUNKLINE_AGENT_HOSTS: '0' };
    expect(use(env, 'http').http.port).toBe(8080);
    expect(others).toHaveLength(1);
    expect(() => use(env, 'worker')).toThrow(/^The configuration has 1 problem:.*_AGENT_HOSTS/s);
    expect(() => use({ TRUNKLINE_SIP_PROT: '5060' }, 'http')).toThrow(ConfigError);
  });
});

describe('environment', () => {
  test('real providers take over with their keys', () => {
    const { deepgram, openai } = load({
      DEEPGRAM_API_KEY: 'dg',
      OPENAI_API_KEY: 'oa',
      OPENAI_BASE_URL: 'https://llm.example.com/v1/',
    }).providers;
    expect(deepgram).toEqual({
      apiKey: 'dg',
      baseUrl: 'https://api.deepgram.com',
      rehearsed: false,
    });
    expect(openai.baseUrl).toBe('https://llm.example.com/v1');
  });

  test('stands over .env, and an empty value is none', () => {
    write('.env', 'TRUNKLINE_HTTP_PORT=9000\nTRUNKLINE_SIP_PORT=5062\nDEEPGRAM_API_KEY=\n');
    const config = load({ TRUNKLINE_HTTP_PORT: '9001' });
    expect(config.http.port).toBe(9001);
    expect(config.sip.port).toBe(5062);
    expect(config.providers.deepgram.rehearsed).toBe(true);
  });

  test('takes a value from the file that NAME_FILE names', () => {
    write('secret', 's3cret\n');
    expect(load({ OPENAI_API_KEY_FILE: 'secret' }).providers.openai.apiKey).toBe('s3cret');
    expect(problemsOf({ OPENAI_API_KEY_FILE: 'secret', OPENAI_API_KEY: 'x' })).toEqual([
      '  environment: OPENAI_API_KEY_FILE is set and so is OPENAI_API_KEY: unset one.',
    ]);
    expect(problemsOf({ OPENAI_API_KEY_FILE: 'nowhere' })).toEqual([
      '  environment: OPENAI_API_KEY_FILE should name a file that can be read; nowhere: ENOENT.',
    ]);
  });

  test('tells every problem with its place and what would be right', () => {
    write('.env', '# ports\nexport TRUNKLINE_HTTP_PORT=80800\nTRUNKLINE_SIP_PROT=5060\n');
    expect(
      problemsOf({ TRUNKLINE_SIP_RTP_PORTS: '10001-10100', TRUNKLINE_API_URL: 'example.com' }),
    ).toEqual([
      '  .env:3: TRUNKLINE_SIP_PROT is not a setting. Did you mean "TRUNKLINE_SIP_PORT"?',
      '  .env:2: TRUNKLINE_HTTP_PORT should be a port from 1 to 65535.',
      '  environment: TRUNKLINE_API_URL should be a URL such as http://127.0.0.1:8080.',
      '  environment: TRUNKLINE_SIP_RTP_PORTS should be an even first and an odd last port above 1023, such as 10000-10199 (RFC 3550 §11).',
    ]);
  });

  test.each([
    ['DEEPGRAM_APIKEY', 'DEEPGRAM_API_KEY'],
    ['OPENAI_KEY', 'OPENAI_API_KEY'],
    ['OPEN_AI_API_KEY', 'OPENAI_API_KEY'],
    ['openai_api_key', 'OPENAI_API_KEY'],
    ['OPENAI_KEY_FILE', 'OPENAI_API_KEY_FILE'],
    ['LIVEKIT_APIKEY', 'LIVEKIT_API_KEY'],
    ['LIVEKIT_SECRET', 'LIVEKIT_API_SECRET'],
    ['DATABSE_URL', 'DATABASE_URL'],
    ['TRUNKLNE_SIP_PORT', 'TRUNKLINE_SIP_PORT'],
  ])('%s in .env is a slip of the pen', (name, meant) => {
    write('.env', `${name}=x\n`);
    expect(problemsOf()).toEqual([`  .env:1: ${name} is not a setting. Did you mean "${meant}"?`]);
  });

  test('.env.local, which `lk app env -w` writes, wins over .env and not over the environment', () => {
    write('.env', 'TRUNKLINE_HTTP_PORT=9000\nTRUNKLINE_SIP_PORT=5062\n');
    write('.env.local', 'TRUNKLINE_HTTP_PORT=9001\nTRUNKLINE_SIP_PORT=5063\n');
    const { http, sip } = load({ TRUNKLINE_SIP_PORT: '5064' });
    expect([http.port, sip.port]).toEqual([9001, 5064]);
    write('.env.local', 'TRUNKLINE_HTTP_PORT=90010\nOPENAI_KEY=x\n');
    expect(problemsOf()).toEqual([
      '  .env.local:2: OPENAI_KEY is not a setting. Did you mean "OPENAI_API_KEY"?',
      '  .env.local:1: TRUNKLINE_HTTP_PORT should be a port from 1 to 65535.',
    ]);
    write('.env.local', 'no setting\n');
    expect(problemsOf()).toEqual(['  .env.local:1: should be NAME=value, or a comment after #.']);
  });

  test("LiveKit's own names of some settings are taken, and ours win", () => {
    write('.env.local', 'LIVEKIT_AGENT_NAME=front\nLIVEKIT_SIP_OUTBOUND_TRUNK=ST_abc\n');
    expect(load({})).toMatchObject({ agentName: 'front', outbound: { trunkId: 'ST_abc' } });
    expect(load({ TRUNKLINE_AGENT_NAME: 'own' }).agentName).toBe('own');
    write('.env.local', 'LIVEKIT_SIP_OUTBOUND_TRUNK=abc\n');
    expect(problemsOf()).toEqual([
      '  .env.local:1: TRUNKLINE_OUTBOUND_TRUNK should be the id of an outbound trunk, such as ST_abc123.',
    ]);
  });

  test("other programs' variables are theirs", () => {
    const others = ['OPENAI_ORG_ID', 'OPENAI_PROJECT_ID', 'DEEPGRAM_PROJECT', 'LIVEKIT_KEYS'];
    write('.env', `${others.join('=x\n')}=x\nOPENAI_API_KEY=x\nOPENAI_KEY=x\nDEEPGRAM_APIKEY=\n`);
    expect(problemsOf({ DEEPGRAM_KEY: 'x', OPENAI_ORG: 'x', LIVEKIT_KEYS: 'x' })).toEqual([]);
  });

  test('what several settings show together is told beside what one shows alone', () => {
    const lines = MINIMAL.replace('agents:', 'trunk: { file: trunk.json }\nagents:');
    write('config/lines.yaml', lines.replace('language: en', 'language: 1'));
    write('config/trunk.json', '{"trunk": {"numbers": 1}}');
    const env = { LIVEKIT_API_KEY: 'k', TRUNKLINE_SIP_USERNAME: 'u', TRUNKLINE_MAX_CALLS: 'many' };
    const ports = { TRUNKLINE_SIP_RTP_PORTS: '10000-10001', TRUNKLINE_HTTP_PORT: '0' };
    expect(problemsOf({ ...env, ...ports })).toEqual([
      '  environment: TRUNKLINE_HTTP_PORT should be a port from 1 to 65535.',
      '  environment: TRUNKLINE_MAX_CALLS should be a whole number of calls from 1 to 10000.',
      '  config/lines.yaml:8:27: lines.main.language should be a language, such as en.',
      '  environment: TRUNKLINE_SIP_PASSWORD is missing: the name and the password go together.',
      '  config/trunk.json:1:12: trunk.numbers should be a list.',
      '  environment: LIVEKIT_API_SECRET is missing: its key is set.',
    ]);
  });

  test('an agent has as many problems as it has', () => {
    const agent = 'tts: { voice: x }\n    greeting: { wav: none.wav }';
    write('config/lines.yaml', MINIMAL.replace('greeting: { text: Hello. }', agent));
    expect(problemsOf()).toHaveLength(2);
  });

  test.each([
    [
      'TRUNKLINE_DIAL_ALLOW',
      '+7343*,8343,sip:*@pbx.example.com,sip:x',
      '"8343", "sip:x" are none.',
    ],
    ['TRUNKLINE_ENDPOINT_ALLOW', '10.0.0.0/8, 10.0.0.0/99', '"10.0.0.0/99" is none.'],
    // A key is a secret: its place says which one it is.
    ['TRUNKLINE_API_KEYS', 'read:0123456789abcdef,too-short', 'number 2 is none.'],
  ])('%s: says which of the list is wrong', (name, value, end) => {
    const problems = problemsOf({ [name]: value });
    expect(problems).toEqual([expect.stringMatching(`^  environment: ${name} should be `)]);
    expect(problems[0]?.endsWith(end)).toBe(true);
  });

  test('refuses an empty LiveKit secret, given directly or by a file', () => {
    const empty =
      'LIVEKIT_API_SECRET should not be empty: set the secret, or leave the variable out.';
    expect(problemsOf({ LIVEKIT_API_SECRET: ' ' })).toEqual([`  environment: ${empty}`]);
    write('.env', 'LIVEKIT_API_SECRET_FILE=secret\n');
    write('secret', '\n');
    expect(problemsOf()).toEqual([`  .env:1: ${empty}`]);
  });

  test('demands key and secret of a LiveKit elsewhere', () => {
    const url = 'wss://livekit.example.com';
    expect(problemsOf({ LIVEKIT_URL: url })).toEqual([
      '  environment: LIVEKIT_API_KEY is missing: LIVEKIT_URL is not on this machine.',
      '  environment: LIVEKIT_API_SECRET is missing: LIVEKIT_URL is not on this machine.',
    ]);
    expect(
      load({
        LIVEKIT_URL: 'https://livekit.example.com',
        LIVEKIT_API_KEY: 'k',
        LIVEKIT_API_SECRET: 's',
      }).livekit,
    ).toEqual({ url, apiKey: 'k', apiSecret: 's' });
  });

  test('never repeats a secret', () => {
    const problems = problemsOf({
      TRUNKLINE_API_KEYS: 'hunter2',
      TRUNKLINE_SIP_PASSWORD: 'hunter2',
      DATABASE_URL: 'mysql://u:hunter2@h/d',
    });
    expect(problems).toHaveLength(3);
    expect(problems.join()).not.toContain('hunter2');
  });

  test('refuses a SIP endpoint that anybody could call', () => {
    write('config/lines.yaml', MINIMAL);
    const open = problemsOf({ TRUNKLINE_SIP_HOST: '0.0.0.0' });
    expect(open).toHaveLength(1);
    expect(open[0]).toContain('TRUNKLINE_SIP_HOST lets anybody on the network call');
    const env = { TRUNKLINE_SIP_HOST: '0.0.0.0', TRUNKLINE_SIP_USERNAME: 'u' };
    expect(problemsOf(env).join()).toContain('TRUNKLINE_SIP_PASSWORD is missing');
    expect(load({ ...env, TRUNKLINE_SIP_PASSWORD: 'p' }).sip.trunk.auth).toEqual({
      username: 'u',
      password: 'p',
    });
  });

  test('takes an allow-list for a lock, but not one that lets in everybody', () => {
    expect(load({ TRUNKLINE_SIP_HOST: '0.0.0.0' }).sip.trunk.allowedAddresses).not.toHaveLength(0);
    write('sip-trunk.json', '{"trunk": {"allowed_addresses": ["192.0.2.1", "0.0.0.0/0"]}}');
    expect(problemsOf({ TRUNKLINE_SIP_HOST: '0.0.0.0' })).toHaveLength(1);
  });

  test('wants two RTP ports for every call', () => {
    const env = { TRUNKLINE_SIP_RTP_PORTS: '10000-10019', TRUNKLINE_MAX_CALLS: '11' };
    expect(problemsOf(env)).toEqual([
      '  environment: TRUNKLINE_SIP_RTP_PORTS has room for 10 calls, two ports each; TRUNKLINE_MAX_CALLS is 11.',
    ]);
    expect(load({ ...env, TRUNKLINE_MAX_CALLS: '10' }).sip.maxCalls).toBe(10);
  });

  test('says that the data folder cannot be written', () => {
    write('file', '');
    expect(problemsOf({ TRUNKLINE_DATA_DIR: 'file/data' })[0]).toContain(
      'TRUNKLINE_DATA_DIR should be a folder that can be written',
    );
  });
});

describe('lines.yaml', () => {
  test('fills in what a telephone call needs', () => {
    write('config/lines.yaml', MINIMAL);
    const { lines, sip } = load();
    expect(lines[0]?.agent).toMatchObject({
      name: 'desk',
      greeting: { text: 'Hello.' },
      stt: { provider: 'deepgram', model: 'nova-3', endpointingMs: 300, keyterms: [] },
      llm: { provider: 'openai', model: 'gpt-4.1-mini' },
      tts: { provider: 'deepgram', model: 'aura-2-thalia-en' },
      limits: { maxDurationSeconds: 1800, idleSeconds: 30 },
    });
    expect(sip.trunk).toMatchObject({ profile: 'generic', numbers: [], allowedAddresses: [] });
  });

  test('every key that is wrong is a problem of its own', () => {
    write(
      'config/lines.yaml',
      `trunk:
  profil: novofon
agents:
  desk:
    instrutions: Be kind.
    greeting: { text: Hi, wav: hi.wav }
    stt:
      endpointingMs: soon
      modle: nova-3
    llm: { temperature: 3 }
lines:
  main:
    numbers: [+73433009243, '84953009243']
    language: not a language
    agent: dsk
  other:
    numbers: ['*']
    language: en
    agent: desk
  third:
    numbers: ['*']
    language: en
    agent: desk
    color: red
`,
    );
    expect(problemsOf().toSorted()).toEqual(
      [
        '  config/lines.yaml:2:3: trunk.profil is not a setting. Did you mean "profile"?',
        '  config/lines.yaml:5:5: agents.desk.instrutions is not a setting. Did you mean "instructions"?',
        '  config/lines.yaml:4:3: agents.desk.instructions is missing: it should be what the agent is told to be and do.',
        '  config/lines.yaml:6:5: agents.desk.greeting should have either text or wav.',
        '  config/lines.yaml:8:7: agents.desk.stt.endpointingMs should be a whole number of milliseconds from 10 to 5000.',
        '  config/lines.yaml:9:7: agents.desk.stt.modle is not a setting. Did you mean "model"?',
        '  config/lines.yaml:10:12: agents.desk.llm.temperature should be a number from 0 to 2.',
        "  config/lines.yaml:13:15: lines.main.numbers[0] should stand in quotes: '+73433009243'.",
        "  config/lines.yaml:13:29: lines.main.numbers[1] should be an international number such as '+73433009243', or '*' for any other.",
        '  config/lines.yaml:14:5: lines.main.language should be a language tag of BCP 47, such as en or pt-BR.',
        '  config/lines.yaml:15:5: lines.main.agent names an agent that is not under agents. Did you mean "desk"?',
        '  config/lines.yaml:21:15: lines.third.numbers[0] is a number of other already: keep one.',
        '  config/lines.yaml:24:5: lines.third.color is not a setting. Known here: numbers, language, agent, timeZone, recordDigits, fallback.',
      ].toSorted(),
    );
  });

  test("a line's time is the machine's unless it says where it is; digits are not recorded", () => {
    const withZone = (zone: string) =>
      write('config/lines.yaml', MINIMAL.replace('agent: desk }', `agent: desk, ${zone} }`));
    write('config/lines.yaml', MINIMAL);
    const { timeZone } = new Intl.DateTimeFormat().resolvedOptions();
    expect(load().lines[0]).toMatchObject({ timeZone, recordDigits: false });
    withZone('timeZone: Asia/Yekaterinburg, recordDigits: true');
    expect(load().lines[0]).toMatchObject({ timeZone: 'Asia/Yekaterinburg', recordDigits: true });
    withZone('timeZone: Mars/Olympus');
    expect(problemsOf().join()).toContain(
      'lines.main.timeZone should be a time zone of IANA, such as Europe/Berlin.',
    );
  });

  test("a line's fallback: another agent, a person, or both", () => {
    withFallback("{ agent: night, number: '+73433009243' }");
    expect(load().lines[0]?.fallback).toEqual({ agent: 'night', number: '+73433009243' });
    withFallback('{}');
    expect(problemsOf().join()).toContain('lines.main.fallback should have agent, number or both.');
    withFallback('{ number: 112 }');
    expect(problemsOf().join()).toContain('lines.main.fallback.number should be an international');
  });

  test('a star without quotes and a key twice are told at their lines', () => {
    write('config/lines.yaml', MINIMAL.replace("'*'", '*'));
    expect(problemsOf()).toContain("  config/lines.yaml:7:21: a star has to stand in quotes: '*'.");
    write('config/lines.yaml', `${MINIMAL}lines: {}\n`);
    expect(problemsOf()).toEqual(['  config/lines.yaml:8:1: this stands here twice.']);
  });

  test.each([
    [5, '   greeting: { text: Hello. }', '5:1: this does not fit the indent of what is around it.'],
    [
      3,
      '    desk:',
      '3:5: agents.desk has nothing beneath it: look at the indent of what follows.',
    ],
    [
      6,
      '  greeting: { text: Hello. }',
      '6:3: agents.greeting belongs elsewhere: look at its indent.',
    ],
    [6, '  lines:', '6:3: agents.lines belongs elsewhere: look at its indent.'],
    [4, '    instructions: "Be kind.', '4:19: this quote ends nowhere.'],
    [
      4,
      '    instructions: Be: kind.',
      '4:19: this does not fit what is around it: look for a wrong',
    ],
  ])('one wrong line (%i) is one sentence: %j', (number, line, sentence) => {
    const lines = MINIMAL.split('\n');
    lines[number - 1] = line;
    write('config/lines.yaml', lines.join('\n'));
    const problems = problemsOf();
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(`  config/lines.yaml:${sentence}`);
  });

  test.each(['*desk', '&a [b, b, b, b, b, b, b, b, b]'])('an alias too many: %s', (value) => {
    const many = Array.from({ length: 200 }, () => '*a').join(', ');
    write('config/lines.yaml', `${MINIMAL}x: ${value}\ny: [${many}]\nz: [${many}]\n`);
    expect(problemsOf()).toEqual([expect.stringMatching(/config\/lines\.yaml:\d+:\d+: .*alias/i)]);
  });

  test.each(['', '[]', 'lines: {}', 'agents:\nlines:\n', '- &a [*a]'])(
    '%j is refused',
    (content) => {
      write('config/lines.yaml', content);
      expect(problemsOf()).not.toHaveLength(0);
    },
  );

  test('a file that is not there is said so, with what else is wrong', () => {
    const problems = problemsOf({ TRUNKLINE_CONFIG: 'nowhere.yaml', TRUNKLINE_SIP_PORT: '0' });
    expect(problems).toEqual([
      '  environment: TRUNKLINE_SIP_PORT should be a port from 1 to 65535.',
      '  nowhere.yaml: cannot be read (ENOENT): TRUNKLINE_CONFIG should name the file of the lines.',
    ]);
  });

  test('the voice belongs to the model at Deepgram, and has a default at OpenAI', () => {
    withTts('{ voice: coral }');
    expect(problemsOf()[0]).toContain('agents.desk.tts.voice has no meaning at Deepgram');
    withTts('{ provider: openai }');
    expect(load().lines[0]?.agent.tts).toEqual({
      provider: 'openai',
      model: 'gpt-4o-mini-tts',
      voice: 'coral',
    });
  });

  test('a greeting that is played has to be a WAV file', () => {
    write('config/lines.yaml', MINIMAL.replace('{ text: Hello. }', '{ wav: hi.wav }'));
    const refusal =
      '  config/lines.yaml:5:17: agents.desk.greeting.wav should name a WAV file that can be read.';
    expect(problemsOf()).toEqual([refusal]);
    write('config/hi.wav', 'OggS');
    expect(problemsOf()).toEqual([refusal]);
    write('config/hi.wav', 'RIFF\0\0\0\0WAVEfmt ');
    expect(load().lines[0]?.agent.greeting).toEqual({ wav: join(cwd, 'config/hi.wav') });
  });

  test('the version follows what the agent is, and nothing else', () => {
    write('config/lines.yaml', MINIMAL);
    const first = version();
    expect(first).toMatch(/^[0-9a-f]{12}$/);
    write('config/lines.yaml', `# a comment\n${MINIMAL}`);
    expect(version()).toBe(first);
    write('config/lines.yaml', MINIMAL.replace('kind', 'brief'));
    const second = version();
    expect(second).not.toBe(first);
    write('config/lines.yaml', MINIMAL.replace('{ text: Hello. }', '{ wav: hi.wav }'));
    write('config/hi.wav', 'RIFF\0\0\0\0WAVE1');
    const third = version();
    write('config/hi.wav', 'RIFF\0\0\0\0WAVE2');
    expect(version()).not.toBe(third);
  });
});

describe('text of other editors', () => {
  const LATIN = Buffer.from('# caf\xe9\n', 'latin1');

  test('may begin with a byte order mark', () => {
    write('.env', '\uFEFFDEEPGRAM_API_KEY=key\r\n');
    write('config/lines.yaml', `\uFEFF${MINIMAL}trunk: { file: ../sip-trunk.json }\n`);
    write('sip-trunk.json', '\uFEFF{"trunk": {}}');
    expect(load().providers.deepgram).toMatchObject({ apiKey: 'key', rehearsed: false });
  });

  test.each(['.env', 'config/lines.yaml', 'sip-trunk.json'])('%s has to be UTF-8', (file) => {
    writeFileSync(join(cwd, file), LATIN);
    expect(problemsOf()).toEqual([
      expect.stringContaining(`  ${file}: cannot be read (not UTF-8 text)`),
    ]);
  });
});

describe('sip-trunk.json', () => {
  test("is told apart at its lines, in either of protobuf's spellings", () => {
    write(
      'sip-trunk.json',
      '{"trunk": {"allowedAddresses": ["192.0.2.0/24"], "authUsername": "u", "authPassword": "p"}}',
    );
    expect(load().sip.trunk).toMatchObject({
      allowedAddresses: ['192.0.2.0/24'],
      auth: { username: 'u', password: 'p' },
    });
    write(
      'sip-trunk.json',
      `{
  "trunk": {
    "numbres": [],
    "allowed_addresses": ["192.0.2.0/33"],
    "ringing_timeout": 20,
    "auth_username": "u"
  }
}`,
    );
    expect(problemsOf().toSorted()).toEqual([
      '  sip-trunk.json:3:5: trunk.numbres is not a setting. Did you mean "numbers"?',
      '  sip-trunk.json:4:27: trunk.allowed_addresses[0] should be an IP address or a CIDR block, such as 192.0.2.0/24.',
      '  sip-trunk.json:5:5: trunk.ringing_timeout should be a duration such as "20s".',
    ]);
    write('sip-trunk.json', '{"trunk": {"auth_username": "u"}}');
    expect(problemsOf()[0]).toContain('trunk.auth_username stands alone');
  });

  test.each(['{"trunk": {},}', '{trunk: {}}', '', '[]', 'null', '{"trunk": []}', '{}'])(
    '%j is refused with the name of the file',
    (content) => {
      write('sip-trunk.json', content);
      expect(problemsOf()).toEqual([expect.stringContaining('sip-trunk.json')]);
    },
  );

  test("says how long a caller may ring and a call may last, and the challenge's realm", () => {
    write(
      'sip-trunk.json',
      '{"trunk": {"ringing_timeout": "2.5s", "max_call_duration": "60s", "auth_realm": "carrier"}}',
    );
    const { answerTimeoutMs, trunk } = load().sip;
    expect(answerTimeoutMs).toBe(2_500);
    expect(trunk).toMatchObject({ maxCallMs: 60_000, realm: 'carrier' });
    const env = { TRUNKLINE_SIP_ANSWER_TIMEOUT_MS: '1000' };
    expect(load(env).sip.answerTimeoutMs).toBe(1_000);
    write('sip-trunk.json', '{"trunk": {"ringing_timeout": "0s", "max_call_duration": "1e9s"}}');
    expect(problemsOf()).toEqual([expect.stringContaining('trunk.max_call_duration should be')]);
    write('sip-trunk.json', '{"trunk": {"ringing_timeout": "0s"}}');
    expect(load().sip.answerTimeoutMs).toBe(8_000);
  });

  describe('where the built-in SIP endpoint is to run', () => {
    test.each([
      [{ media_encryption: 'SIP_MEDIA_ENCRYPT_REQUIRE' }, '3:5: trunk.media_encryption'],
      [{ mediaEncryption: 'SIP_MEDIA_ENCRYPT_ALLOW' }, '3:5: trunk.media_encryption'],
      [{ media_encryption: 2 }, '3:5: trunk.media_encryption'],
      [{ media: { encryption: 'SIP_MEDIA_ENCRYPT_REQUIRE' } }, '4:7: trunk.media.encryption'],
    ])('SRTP is no setting that is ignored: %j', (trunk, place) => {
      expect(trunkProblemsOf(trunk)).toEqual([
        `  sip-trunk.json:${place} asks for SRTP, which the built-in SIP endpoint does not speak: leave it out, or let livekit-sip take the calls (docs/production.md).`,
      ]);
      expect(problemsOf()).toEqual([]);
    });

    test.each([
      [{ headers: { 'X-A': 'b' } }, 'headers'],
      [{ attributesToHeaders: { a: 'X-A' } }, 'attributes_to_headers'],
      [{ include_headers: 'SIP_ALL_HEADERS' }, 'include_headers'],
      [{ krisp_enabled: true }, 'krisp_enabled'],
      [{ media: { codecs: [{ name: 'PCMU', rate: 8000 }] } }, 'media.codecs'],
      [{ media: { onlyListedCodecs: true } }, 'media.only_listed_codecs'],
      [{ media: { media_timeout: '20s' } }, 'media.media_timeout'],
    ])('nor is %j', (trunk, path) => {
      expect(trunkProblemsOf(trunk)).toEqual([
        expect.stringMatching(`^ {2}sip-trunk.json:[34]:[57]: trunk.${path} is for livekit-sip`),
      ]);
      expect(problemsOf()).toEqual([]);
    });

    test('what asks for nothing is taken', () => {
      const nothing = {
        headers: {},
        attributes_to_headers: {},
        include_headers: 'SIP_NO_HEADERS',
        krisp_enabled: false,
        media_encryption: 'SIP_MEDIA_ENCRYPT_DISABLE',
        media: { codecs: [], only_listed_codecs: false, encryption: 0 },
        metadata: 'ours',
      };
      expect(trunkProblemsOf(nothing)).toEqual([]);
    });

    test('the files that are shipped are taken', () => {
      expect(() => loadConfig({ env: {}, cwd, builtInSip: true })).not.toThrow();
    });
  });

  test.each([
    [
      '{"media_encryption": "REQUIRE"}',
      'trunk.media_encryption should be SIP_MEDIA_ENCRYPT_DISABLE or',
    ],
    ['{"include_headers": 7}', 'trunk.include_headers should be SIP_NO_HEADERS or'],
    [
      '{"media": {"encrypton": 1}}',
      'trunk.media.encrypton is not a setting. Did you mean "encryption"?',
    ],
    ['{"media": true}', 'trunk.media '],
  ])('%s is refused for livekit-sip too', (trunk, problem) => {
    write('sip-trunk.json', `{"trunk": ${trunk}}`);
    expect(problemsOf()).toEqual([expect.stringContaining(problem)]);
  });

  test("the environment's credentials stand before the file's", () => {
    write('sip-trunk.json', '{"trunk": {"auth_username": "u", "auth_password": "p"}}');
    const env = { TRUNKLINE_SIP_USERNAME: 'name', TRUNKLINE_SIP_PASSWORD: 'word' };
    expect(load(env).sip.trunk.auth).toEqual({ username: 'name', password: 'word' });
  });
});
