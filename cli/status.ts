import { urlOf } from '../config/addresses.ts';
import type { Config } from '../config/config.ts';

/** A process that is there answers at once, ms. */
const PATIENCE_MS = 2_000;

/**
 * What of Trunkline answers on this machine, a line each. Processes elsewhere are asked at the
 * addresses of this configuration, so `not there` is all that can be said of them.
 */
export async function status(
  config: Pick<Config, 'livekit' | 'callServiceUrl' | 'worker' | 'sip'>,
): Promise<string[]> {
  const { livekit, callServiceUrl, worker, sip } = config;
  const parts: readonly [title: string, url: string, path: string][] = [
    ['LiveKit', livekit.url.replace(/^ws/, 'http'), '/'],
    ['call service', callServiceUrl, '/readyz'],
    ['agent worker', urlOf(worker.health), '/readyz'],
    ['SIP endpoint', urlOf(sip.health), '/readyz'],
  ];
  return Promise.all(
    parts.map(async ([title, url, path]) => {
      const answer = await ask(new URL(path, url));
      return `  ${title.padEnd(14)}${answer.padEnd(11)}${url}`;
    }),
  );
}

async function ask(url: URL): Promise<'up' | 'not ready' | 'not there'> {
  try {
    const { ok, body } = await fetch(url, { signal: AbortSignal.timeout(PATIENCE_MS) });
    await body?.cancel();
    return ok ? 'up' : 'not ready';
  } catch {
    return 'not there';
  }
}
