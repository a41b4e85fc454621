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
 * Fixes the rehearsal providers' delays, and says how to put them back. The emulated STT answers
 * `delayMs` after the last speech arrived but not before its endpointing is over, so the endpointing
 * is added to its delay: a transcript comes `endpointingMs + stt` after the last speech.
 */
export async function fixDelays(
  { providers }: Config,
  delays: ProviderDelays,
  endpointingMs: number,
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
    stt: { delayMs: endpointingMs + delays.stt },
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
