import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeWav } from '../../ingress/sip/media/wav.ts';
import { encodeWav } from '../../rehearsal/audio/wav.ts';
import { RATE } from './caller-speech.ts';
import { findFreePorts } from '../../cli/free-ports.ts';

/**
 * A call by Debian's baresip, which plays `speech` from the answer on and hangs up when `until`
 * resolves.
 * @param options.to SIP URI
 * @param options.from user part of the caller's address
 * @param options.speech PCM16 mono at 8 kHz
 * @returns what was heard, PCM16 mono at 8 kHz
 */
export async function callWithBaresip(options: {
  readonly to: string;
  readonly from: string;
  readonly speech: Int16Array;
  readonly until: () => Promise<unknown>;
}): Promise<Int16Array> {
  const folder = mkdtempSync(join(tmpdir(), 'trunkline-baresip-'));
  const port = await findFreePorts(12);
  const speechFile = join(folder, 'speech.wav');
  writeFileSync(speechFile, encodeWav({ pcm: options.speech, sampleRate: RATE, channels: 1 }));
  writeFileSync(join(folder, 'accounts'), `<sip:${options.from}@127.0.0.1:${port}>;regint=0\n`);
  writeFileSync(join(folder, 'contacts'), '');
  writeFileSync(
    join(folder, 'config'),
    [
      'poll_method epoll',
      `sip_listen 127.0.0.1:${port}`,
      `rtp_ports ${port + 2}-${port + 11}`,
      `audio_source aufile,${speechFile}`,
      `audio_player aufile,${join(folder, 'player.wav')}`,
      `audio_alert aufile,${join(folder, 'alert.wav')}`,
      `snd_path ${folder}`,
      'module_path /usr/lib/baresip/modules',
      'module stdio.so',
      'module g711.so',
      'module aufile.so',
      'module sndfile.so',
      'module_tmp account.so',
      'module_app menu.so',
    ].join('\n'),
  );
  const baresip = spawn('baresip', ['-f', folder, '-e', `/dial ${options.to}`], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const exited = once(baresip, 'exit');
  let said = '';
  baresip.stdout.setEncoding('utf8').on('data', (chunk: string) => (said += chunk));
  baresip.stderr.setEncoding('utf8').on('data', (chunk: string) => (said += chunk));
  try {
    await options.until();
    // Hangs up the call, with its BYE, and ends.
    baresip.stdin.write('/quit\n');
    await exited;
    const file = readdirSync(folder).find((name) => name.endsWith('dec.wav'));
    if (!file) throw new Error('baresip heard nothing');
    const { pcm, sampleRate, channels } = decodeWav(readFileSync(join(folder, file)));
    if (sampleRate !== RATE || channels !== 1) throw new Error(`${sampleRate} Hz, ${channels}`);
    return pcm;
  } catch (error) {
    throw new Error(`the call by baresip failed; it said:\n${said}`, { cause: error });
  } finally {
    baresip.kill('SIGKILL');
    await exited;
    rmSync(folder, { recursive: true, force: true });
  }
}
