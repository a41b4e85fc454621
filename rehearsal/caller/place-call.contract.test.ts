import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { decodeWav } from '../../ingress/sip/media/wav.ts';
import { encodeWav } from '../audio/wav.ts';
import { placeCall } from './place-call.ts';
import type { PlaceCallOptions } from './place-call.ts';

/** Debian's baresip answers, plays `AGENT` once and hangs up at its end. */
let folder: string;
let baresip: ChildProcess;
let port: number;

const tone = (ms: number, hertz: number): Int16Array =>
  Int16Array.from({ length: ms * 8 }, (_, i) =>
    Math.round(8_000 * Math.sin((2 * Math.PI * hertz * i) / 8_000)),
  );

/** The agent: a second of tone at 0, 3 and 6 s. */
const AGENT = new Int16Array(72_000);
for (const second of [0, 3, 6]) AGENT.set(tone(1_000, 500), second * 8_000);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'caller-'));
  port = await freePort();
  const wav = join(folder, 'agent.wav');
  await writeFile(wav, encodeWav({ pcm: AGENT, sampleRate: 8_000, channels: 1 }));
  await writeFile(join(folder, 'accounts'), '<sip:agent@127.0.0.1>;regint=0;answermode=auto\n');
  await writeFile(join(folder, 'contacts'), '');
  await writeFile(
    join(folder, 'config'),
    [
      'poll_method epoll',
      `sip_listen 127.0.0.1:${port}`,
      'call_local_timeout 120',
      'call_max_calls 4',
      `audio_source aufile,${wav}`,
      `audio_player aufile,${join(folder, 'heard.wav')}`,
      'audio_alert aufile,/dev/null',
      'module_path /usr/lib/baresip/modules',
      'module g711.so',
      'module aufile.so',
      'module_tmp account.so',
      'module_app menu.so',
    ].join('\n'),
  );
  baresip = spawn('baresip', ['-f', folder], { stdio: ['pipe', 'pipe', 'ignore'] });
  await waitFor(baresip, 'ready');
});

afterAll(async () => {
  baresip.stdin?.write('/quit\n');
  baresip.kill();
  if (baresip.exitCode === null) await once(baresip, 'exit');
  await rm(folder, { recursive: true, force: true });
});

const call = (options: Partial<PlaceCallOptions>) =>
  placeCall({
    to: `sip:agent@127.0.0.1:${port}`,
    from: '+12025550123',
    say: [],
    voice: (text) => Promise.resolve(tone(text.length * 100, 300)),
    ...options,
  });

test.each(['udp', 'tcp'] as const)(
  'holds a conversation over %s and records it',
  async (transport) => {
    const record = join(folder, `${transport}.wav`);
    const result = await call({ transport, say: ['Hello'], record });
    expect(result).toMatchObject({ outcome: 'completed', code: 200, endedBy: 'caller' });
    expect(result.finalStatusMs).toBeGreaterThan(0);
    expect(result.rtp.received).toBeGreaterThan(50);
    const [turn] = result.turns;
    // The agent speaks at 0 and 3 s; we begin at 1.6 s and end at 2.1 s.
    expect(turn?.latencyMs).toBeGreaterThan(500);
    expect(turn?.latencyMs).toBeLessThan(1_500);

    const { pcm, channels, sampleRate } = decodeWav(await readFile(record));
    expect([channels, sampleRate]).toEqual([2, 8_000]);
    expect(pcm.length / 2 / sampleRate).toBeGreaterThan(3);
    const loud = (channel: number): number =>
      pcm.filter((sample, i) => i % 2 === channel && Math.abs(sample) > 1_000).length / sampleRate;
    expect(loud(0)).toBeGreaterThan(0.3);
    expect(loud(0)).toBeLessThan(0.6);
    expect(loud(1)).toBeGreaterThan(1.5);
  },
);

test('hears PCMU as well', async () => {
  const events: string[] = [];
  const result = await call({
    codecs: ['PCMU'],
    hangUpAfterMs: 1_500,
    onEvent: (event) => events.push(event.type === 'answered' ? event.codec : event.type),
  });
  expect(result.outcome).toBe('completed');
  expect(events).toContain('PCMU');
});

test('notices that the far end hung up', async () => {
  const result = await call({ hangUpAfterMs: 60_000 });
  expect(result).toMatchObject({ outcome: 'completed', endedBy: 'agent' });
});

test('says that nobody is there', async () => {
  const result = await call({ to: `sip:agent@127.0.0.1:${await freePort()}` });
  expect(result).toMatchObject({ outcome: 'unreachable', code: 0 });
});

test('reports a refusal with its status', async () => {
  const result = await call({ to: `sip:nobody@127.0.0.1:${port}` });
  expect(result).toMatchObject({ outcome: 'refused', code: 404 });
});

test('rejects what is no SIP URI', async () => {
  await expect(call({ to: 'sip:' })).rejects.toThrow('not a SIP URI');
  await expect(call({ from: 'a b' })).rejects.toThrow('not a SIP URI');
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}

async function waitFor(child: ChildProcess, word: string): Promise<void> {
  let said = '';
  for await (const chunk of child.stdout ?? []) {
    said += String(chunk);
    if (said.includes(word)) break;
  }
  child.stdout?.resume();
}
