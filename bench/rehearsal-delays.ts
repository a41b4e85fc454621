import type { Config } from '../config/config.ts';
import type { Settings } from '../rehearsal/settings.ts';

export interface ProviderDelays {
  readonly stt: number;
  readonly llm: number;
  readonly tts: number;
}

/** Fast enough that only the fixed delays count: the reply's text and audio come at once. */
const TOKENS_PER_SECOND = 100_000;
const TTS_SPEED = 1_000;

/**
 * What the providers take from the caller's last speech to the first byte of the reply, ms: the
 * emulated STT answers `stt` after the last speech arrived, but not before its endpointing is over.
 */
export function providersMs({ stt, llm, tts }: ProviderDelays, endpointingMs: number): number {
  return Math.max(stt, endpointingMs) + llm + tts;
}

/** Fixes the rehearsal providers' delays, and says how to put them back. */
export async function fixDelays(
  { providers }: Config,
  delays: ProviderDelays,
): Promise<() => Promise<void>> {
  if (!providers.deepgram.rehearsed || !providers.openai.rehearsed) {
    throw new Error('real providers are configured: a benchmark needs the rehearsal ones');
  }
  const { host, port } = providers.rehearsal;
  const url = `http://${host}:${port}/rehearsal/settings`;
  const before = await send(url, { method: 'GET' });
  const { stt, llm, tts } = (await before.json()) as Settings;
  const put = async (settings: unknown): Promise<void> => {
    const body = JSON.stringify(settings);
    await send(url, { method: 'PUT', headers: { 'content-type': 'application/json' }, body });
  };
  await put({
    stt: { delayMs: delays.stt },
    llm: { delayMs: delays.llm, tokensPerSecond: TOKENS_PER_SECOND },
    tts: { delayMs: delays.tts, speed: TTS_SPEED },
  });
  return () => put({ stt, llm, tts });
}

async function send(url: string, request: RequestInit): Promise<Response> {
  const response = await fetch(url, { ...request, signal: AbortSignal.timeout(5_000) });
  if (!response.ok) {
    throw new Error(
      `the rehearsal providers answered ${response.status}: ${await response.text()}`,
    );
  }
  return response;
}
