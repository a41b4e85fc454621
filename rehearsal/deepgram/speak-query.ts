import { z } from 'zod';
import type { SpeechEncoding } from '../speech-stream.ts';

/** Sample rates of Aura by encoding, Hz; the first is the default. */
const RATES: Record<SpeechEncoding, readonly number[]> = {
  linear16: [24_000, 8000, 16_000, 32_000, 48_000],
  mulaw: [8000, 16_000],
  alaw: [8000, 16_000],
};

const SpeakQuery = z
  .object({
    model: z.string().default('aura-2-thalia-en'),
    encoding: z.enum(['linear16', 'mulaw', 'alaw']).default('linear16'),
    sample_rate: z.coerce.number().int().optional(),
    container: z.enum(['none', 'wav']).default('none'),
  })
  .transform(({ model, encoding, sample_rate, container }) => ({
    model,
    encoding,
    container,
    sampleRate: sample_rate ?? (RATES[encoding][0] as number),
  }))
  .refine(({ encoding, sampleRate }) => RATES[encoding].includes(sampleRate), {
    message: 'unsupported sample_rate for this encoding',
    path: ['sample_rate'],
  });

/** Query of `/v1/speak`, over WebSocket and HTTP alike. */
export type SpeakOptions = z.infer<typeof SpeakQuery>;

/** @throws z.ZodError naming the parameters that are wrong. */
export function parseSpeakQuery(query: URLSearchParams): SpeakOptions {
  return SpeakQuery.parse(Object.fromEntries(query));
}

/** Language of a voice by the end of its name, e.g. `aura-2-sirio-es`; undefined: by the text. */
export function voiceLanguage(model: string): string | undefined {
  const language = /-([a-z]{2})$/.exec(model)?.[1];
  return language === 'en' ? undefined : language;
}
