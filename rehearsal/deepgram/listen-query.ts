import { z } from 'zod';
import { decodeG711 } from '../../ingress/sip/media/g711.ts';

const flag = z.stringbool().default(false);
const milliseconds = z.coerce.number().int().min(0).max(60_000);
/** Deepgram's default: 10 ms of silence ends an utterance. */
const DEFAULT_ENDPOINTING_MS = 10;

/** Query of `wss /v1/listen` as far as the emulator heeds it; the rest is accepted and ignored. */
const ListenQuery = z.object({
  model: z.string().default('nova-3'),
  language: z.string().default('en'),
  encoding: z.enum(['linear16', 'mulaw', 'alaw']),
  sample_rate: z.coerce.number().int().min(8000).max(48_000),
  channels: z.coerce.number().int().min(1).max(2).default(1),
  interim_results: flag,
  vad_events: flag,
  endpointing: z
    .union([z.literal('false'), z.literal('true'), milliseconds])
    .default(DEFAULT_ENDPOINTING_MS),
  /** Deepgram wants at least 1,000 ms and interim results. */
  utterance_end_ms: z.coerce.number().int().min(1000).max(5000).optional(),
});

export interface ListenOptions {
  readonly model: string;
  /** ISO 639-1; undefined for `multi`. */
  readonly language: string | undefined;
  readonly sampleRate: number;
  readonly interimResults: boolean;
  readonly vadEvents: boolean;
  /** Silence that ends an utterance, ms; undefined: endpointing is off. */
  readonly endpointingMs: number | undefined;
  readonly utteranceEndMs: number | undefined;
  readonly channels: number;
  /** One binary message to mono PCM16; an odd trailing byte is dropped. */
  readonly decode: (message: Uint8Array) => Int16Array;
}

/** @throws z.ZodError naming the parameters that are wrong. */
export function parseListenQuery(query: URLSearchParams): ListenOptions {
  const parsed = ListenQuery.parse(Object.fromEntries(query));
  const language = parsed.language.split('-')[0];
  const { endpointing } = parsed;
  return {
    model: parsed.model,
    language: language === 'multi' ? undefined : language,
    sampleRate: parsed.sample_rate,
    interimResults: parsed.interim_results,
    vadEvents: parsed.vad_events,
    endpointingMs:
      endpointing === 'false'
        ? undefined
        : endpointing === 'true'
          ? DEFAULT_ENDPOINTING_MS
          : endpointing,
    utteranceEndMs: parsed.utterance_end_ms,
    channels: parsed.channels,
    decode: (message) => toMono(DECODERS[parsed.encoding](message), parsed.channels),
  };
}

const DECODERS = {
  linear16: decodeLinear,
  mulaw: (bytes: Uint8Array) => decodeG711('PCMU', bytes),
  alaw: (bytes: Uint8Array) => decodeG711('PCMA', bytes),
};

/** Little-endian PCM16; copies, because a message may lie at an odd address. */
function decodeLinear(bytes: Uint8Array): Int16Array {
  return new Int16Array(Uint8Array.from(bytes.subarray(0, bytes.length & ~1)).buffer);
}

function toMono(pcm: Int16Array, channels: number): Int16Array {
  if (channels === 1) return pcm;
  const mono = new Int16Array(Math.floor(pcm.length / channels));
  for (let index = 0; index < mono.length; index++) {
    let sum = 0;
    for (let channel = 0; channel < channels; channel++) {
      sum += pcm[index * channels + channel] as number;
    }
    mono[index] = sum / channels;
  }
  return mono;
}
