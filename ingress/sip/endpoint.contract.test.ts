import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { FakeLeg } from './fixtures/fake-leg.ts';
import { TestEndpoint } from './fixtures/test-endpoint.ts';
import type { TestEndpointOptions } from './fixtures/test-endpoint.ts';

const run = promisify(execFile);

async function start(options: TestEndpointOptions = {}): Promise<TestEndpoint> {
  const test = await TestEndpoint.open(options);
  onTestFinished(() => test.close());
  return test;
}

/** An agent that is there as soon as the room is. */
async function answerAll(test: TestEndpoint, calls: number): Promise<FakeLeg[]> {
  const legs = [];
  for (let index = 0; index < calls; index += 1) {
    const leg = await test.leg(index);
    leg.emit('agentReady');
    legs.push(leg);
  }
  return legs;
}

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'trunkline-sip-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** @throws when sipp receives anything but what its scenario expects */
async function sipp(
  test: TestEndpoint,
  scenario: string,
  { calls = 1, transport = 'u1' } = {},
): Promise<void> {
  const file = new URL(`fixtures/sipp/${scenario}.xml`, import.meta.url).pathname;
  await run(
    'sipp',
    [
      `127.0.0.1:${test.endpoint.port} -sf ${file} -s +15550100 -i 127.0.0.1 -t ${transport}`,
      `-m ${calls} -r ${calls} -au user -ap password -nostdin -timeout 20s -timeout_error -max_socket 100`,
    ].flatMap((words) => words.split(' ')),
    { cwd: temporaryFolder() },
  );
}

function endings(test: TestEndpoint): string[] {
  return test.reports.flatMap((report) =>
    report.type === 'leg.ended' ? [report.data.endReason] : [],
  );
}

describe("Debian's sipp", () => {
  it.each(['u1', 't1', 'un', 'tn'])('calls with digest over %s', async (transport) => {
    const trunk = { auth: { username: 'user', password: 'password' } };
    const test = await start({ trunk });
    const answering = answerAll(test, 5);
    await sipp(test, 'digest', { calls: 5, transport });
    await answering;
    expect(endings(test)).toEqual(Array.from({ length: 5 }, () => 'caller_hangup'));
  });

  it('holds and resumes', async () => {
    const test = await start();
    const answering = answerAll(test, 1);
    await sipp(test, 'hold');
    await answering;
    expect(test.reports.map(({ type }) => type)).toEqual([
      'leg.invited',
      'leg.answered',
      'leg.held',
      'leg.resumed',
      'leg.ended',
    ]);
  });

  it('cancels', async () => {
    const test = await start();
    await sipp(test, 'cancel');
    expect(endings(test)).toEqual(['cancelled']);
  });
});

describe("Debian's baresip", () => {
  // Without digest: baresip 1.0 gives up when any of the challenges is one for SHA-256.
  it('calls, is heard, and takes our BYE', async () => {
    const test = await start();
    const folder = temporaryFolder();
    const speech = new URL('call/prompts/apology-en.wav', import.meta.url).pathname;
    writeFileSync(join(folder, 'accounts'), '<sip:+15550199@127.0.0.1>;regint=0\n');
    writeFileSync(join(folder, 'contacts'), '');
    writeFileSync(
      join(folder, 'config'),
      [
        'poll_method epoll',
        'sip_listen 127.0.0.1:0',
        `audio_source aufile,${speech}`,
        `audio_player aufile,${join(folder, 'heard.wav')}`,
        'module_path /usr/lib/baresip/modules',
        'module stdio.so',
        'module g711.so',
        'module aufile.so',
        'module_tmp account.so',
        'module_app menu.so',
      ].join('\n'),
    );
    const uri = `sip:+15550100@127.0.0.1:${test.endpoint.port}`;
    const baresip = spawn('baresip', ['-f', folder, '-e', `/dial ${uri}`]);
    let said = '';
    const closed = Promise.withResolvers<unknown>();
    for (const stream of [baresip.stdout, baresip.stderr]) {
      stream.setEncoding('utf8').on('data', (chunk: string) => {
        said += chunk;
        if (/session closed|terminated/i.test(said)) closed.resolve(undefined);
      });
    }
    onTestFinished(async () => {
      if (baresip.exitCode !== null) return;
      baresip.kill('SIGKILL');
      await once(baresip, 'exit');
    });
    const [leg] = await answerAll(test, 1);
    if (!leg) throw new Error('no room');
    // What the caller says arrives in the room.
    await test.until(() => leg.heard.some((frame) => frame.some((sample) => sample > 1_000)));
    leg.emit('closed', 'room_deleted');
    await closed.promise;
    expect(endings(test)).toEqual(['room_deleted']);
  });
});
