import { resample } from '../audio/resampler.ts';
import { type Alignment, align } from './alignment.ts';
import { type Features, analyse, audibleRange, describe } from './features.ts';
import { RATE } from './spectrum.ts';

/** What speech that is no known phrase is written as; its confidence is below `UNKNOWN_BELOW`. */
export const UNKNOWN_TEXT = '[unrecognised]';
/** Confidence of a known phrase is at or above this, of unknown speech below it. */
export const UNKNOWN_BELOW = 0.3;

/**
 * RMS distance in dB up to which speech counts as the phrase. Measured over the phrase book: G.711,
 * Opus at 12 kbit/s, 3 % loss concealed by Opus, 20 dB SNR, 4 % drift: at most 4.3; half of the
 * packets lost 4.5 and more, another phrase 5.7 and more, reversed 9 and more, 0 dB SNR 13.
 */
const LIMIT = 4.4;
/** Mean over the worst quarter second: one wrong word in a phrase (8.2 and more) is still wrong. */
const WORST_LIMIT = 6.8;
/** Frames of a template that may be missing at its end, 10 ms each. */
const END_SLACK = 4;
/** Two candidates this close are not told apart yet, dB. */
const AMBIGUOUS = 1;

export interface KnownPhrase {
  readonly text: string;
  /** ISO 639-1 */
  readonly language?: string | undefined;
  /** How it sounds: PCM16 mono at 8 kHz. */
  readonly pcm: Int16Array;
}

export interface Recognition {
  /** The phrase; `UNKNOWN_TEXT` for other speech; empty when there was no speech. */
  readonly text: string;
  /** 0 to 1; below 0.3: not understood. */
  readonly confidence: number;
}

/** A phrase that what was heard so far lies on. */
export interface Match {
  readonly text: string;
  readonly confidence: number;
  /** Frame, of those given, at which the phrase ends with its last faint sound; may lie ahead. */
  readonly end: number;
  /** Share of the phrase that was heard, 0 to 1. */
  readonly heard: number;
  /** The phrase was heard to its end and no longer phrase begins alike. */
  readonly complete: boolean;
}

interface MatchOptions {
  /** ISO 639-1; undefined: any. */
  readonly language?: string | undefined;
  /** The speaker may not have finished. */
  readonly openEnd: boolean;
}

/** Tells which of a few known phrases was said, by its sound. */
export interface Recogniser {
  /** The best fitting phrase to the band powers of an utterance. */
  match(frames: readonly Float32Array[], options: MatchOptions): Match | undefined;
  /** A whole recording that holds at most one utterance, PCM16 mono, any rate. */
  recognise(pcm: Int16Array, sampleRate: number): Recognition;
}

interface Template extends KnownPhrase {
  readonly features: Features;
  readonly frames: number;
  /** Faint frames after the audible ones. */
  readonly tail: number;
}

interface Candidate {
  readonly template: Template;
  readonly alignment: Alignment;
}

/** @throws Error when a phrase has no audible sound. */
export function createRecogniser(phrases: readonly KnownPhrase[]): Recogniser {
  const templates = phrases.map((phrase): Template => {
    const frames = analyse(phrase.pcm);
    const range = audibleRange(frames);
    if (!range) throw new Error(`phrase without sound: ${phrase.text}`);
    const audible = frames.slice(range.first, range.last + 1);
    return {
      ...phrase,
      features: describe(audible),
      frames: audible.length,
      tail: frames.length - range.last - 1,
    };
  });

  function match(
    frames: readonly Float32Array[],
    { language, openEnd }: MatchOptions,
  ): Match | undefined {
    const range = audibleRange(frames);
    if (!range) return undefined;
    const heard = describe(frames.slice(range.first, range.last + 1));
    const candidates = templates
      .filter((template) => fits(template, language))
      .flatMap((template): Candidate[] => {
        const alignment = align(heard, template.features, { openEnd, limit: LIMIT });
        return alignment && isSame(alignment) ? [{ template, alignment }] : [];
      })
      .sort((a, b) => a.alignment.distance - b.alignment.distance);
    const best = candidates[0];
    if (!best) return undefined;
    const rivals = candidates.filter(
      ({ alignment }) => alignment.distance < best.alignment.distance + AMBIGUOUS,
    );
    return {
      text: best.template.text,
      confidence: confidenceOf(best.alignment.distance),
      heard: best.alignment.covered / best.template.frames,
      end: range.last + 1 + best.template.frames - best.alignment.covered + best.template.tail,
      complete: rivals.every(
        ({ template, alignment }) => template.frames - alignment.covered <= END_SLACK,
      ),
    };
  }

  return {
    match,
    recognise(pcm, sampleRate) {
      const frames = analyse(resample(pcm, sampleRate, RATE));
      if (!audibleRange(frames)) return { text: '', confidence: 0 };
      const found = match(frames, { openEnd: false });
      if (!found) return { text: UNKNOWN_TEXT, confidence: UNKNOWN_CONFIDENCE };
      return { text: found.text, confidence: found.confidence };
    },
  };
}

/** Confidence that unknown speech is reported with. */
export const UNKNOWN_CONFIDENCE = 0.15;

function fits(template: Template, language: string | undefined): boolean {
  return !language || !template.language || template.language === language;
}

function isSame({ distance, worst }: Alignment): boolean {
  return distance <= LIMIT && worst <= WORST_LIMIT;
}

/** 0.99 for the very same sound down to 0.5 at the limit. */
function confidenceOf(distance: number): number {
  const share = distance / LIMIT;
  return Math.round((0.99 - 0.49 * share * share) * 1000) / 1000;
}
