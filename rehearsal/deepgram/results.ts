import type { ListenOptions } from './listen-query.ts';

interface Word {
  readonly word: string;
  /** Seconds of the stream. */
  readonly start: number;
  readonly end: number;
  readonly confidence: number;
  readonly punctuated_word: string;
}

export interface Alternative {
  readonly transcript: string;
  readonly confidence: number;
  readonly words: readonly Word[];
}

export interface Transcript {
  readonly text: string;
  readonly confidence: number;
  /** ms of the stream. */
  readonly startMs: number;
  readonly endMs: number;
}

/** `Results` of Deepgram's live API. */
export interface Results {
  readonly type: 'Results';
  readonly channel_index: readonly [number, number];
  readonly duration: number;
  readonly start: number;
  readonly is_final: boolean;
  readonly speech_final: boolean;
  readonly channel: { readonly alternatives: readonly Alternative[] };
  readonly metadata: ModelMetadata;
  readonly from_finalize: boolean;
}

interface ModelMetadata {
  readonly request_id: string;
  readonly model_info: { readonly name: string; readonly version: string; readonly arch: string };
  readonly model_uuid: string;
}

/** Of the rehearsal model, so that a log shows at once that nobody real was listening. */
export const MODEL_UUID = '00000000-0000-4000-8000-000000000900';

export function modelMetadata({ model }: Pick<ListenOptions, 'model'>, requestId: string) {
  return {
    request_id: requestId,
    model_info: { name: model, version: 'rehearsal', arch: 'rehearsal' },
    model_uuid: MODEL_UUID,
  } satisfies ModelMetadata;
}

/** Words share the utterance's time by their length: the recogniser knows phrases, not words. */
export function toAlternative({ text, confidence, startMs, endMs }: Transcript): Alternative {
  const parts = text.split(' ').filter((part) => part !== '');
  const total = parts.reduce((sum, part) => sum + part.length, 0);
  let passed = 0;
  const at = (letters: number) => seconds(startMs + ((endMs - startMs) * letters) / total);
  const words = parts.map((part): Word => {
    const start = at(passed);
    passed += part.length;
    return {
      word: part.toLowerCase().replace(/[.,!?]+$/u, ''),
      start,
      end: at(passed),
      confidence,
      punctuated_word: part,
    };
  });
  return { transcript: text, confidence, words };
}

/** Seconds with milliseconds, as Deepgram writes times. */
export function seconds(ms: number): number {
  return Math.round(ms) / 1000;
}
