import type { Call } from '../call.ts';
import type { CallEvent } from '../events.ts';

/** Where the cause lies, as seen from the caller inwards. */
export const LAYERS = [
  'caller',
  'carrier',
  'media',
  'livekit',
  'agent',
  'stt',
  'llm',
  'tts',
  'operator',
  'none',
] as const;
type Layer = (typeof LAYERS)[number];

export interface Why {
  /** A name for programs; `unknown` where nothing explains it. Names are never given new meanings. */
  readonly cause: string;
  readonly layer: Layer;
  /** What happened and why, for a person. */
  readonly sentence: string;
  /** What says so: a fact each, with the event that it is from, if it is from one. */
  readonly evidence: readonly Evidence[];
  /** What to do about it; none where nothing is wrong. */
  readonly nextSteps: readonly string[];
}

export interface Evidence {
  readonly text: string;
  readonly eventId?: string;
}

/** @param events of the call, in order of time */
export type Rule = (call: Call, events: readonly CallEvent[]) => Why | undefined;
