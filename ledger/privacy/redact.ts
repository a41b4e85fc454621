import { ERASED } from '../../calls/erased.ts';
import { countryOf } from '../../config/e164.ts';
import { readNumber, replaceNumbers } from './written-numbers.ts';

/**
 * Takes the place of each digit where a text must keep its length. No number, name or URI holds
 * this character (DEL), so it also says later that it was a number that is erased.
 */
const BLANK = '\u007f';
const BLANKS = /\+?\(?\u007f(?:[^\w"]{0,3}\u007f)*/g;

/**
 * Texts that tell nothing of a person: ids that a machine made, times, words out of a list, and
 * what the operator named. All other texts do, those too that are not known here.
 */
const STRUCTURE = new Set([
  'id',
  'key',
  'partOf',
  'missing',
  'sid',
  'job',
  'partOf',
  'foldedTo',
  'type',
  'source',
  'kind',
  'direction',
  'ingress',
  'state',
  'status',
  'step',
  'reason',
  'endReason',
  'by',
  'endedBy',
  'action',
  'event',
  'who',
  'component',
  'pipeline',
  'codec',
  'dtmf',
  'provider',
  'model',
  'line',
  'trunk',
  'rule',
  'profile',
  'profileVersion',
  'agentName',
  'events',
  'transcript',
  'person',
]);
const AGENT = new Set(['agent', 'agents', 'participant']);
/** `startedAt`, `participantSid`, `jobId`. */
const STRUCTURAL_ENDING = /(?:At|Sids?|Ids?)$|^(?:at|sipCallId)$/;

type Json =
  | string
  | number
  | boolean
  | null
  | undefined
  | readonly Json[]
  | { [key: string]: Json };

/** The same without what was said: `text` is empty, there are no turns. Of any of our JSON. */
export function withoutSpeech<T>(value: T): T {
  return walk(value as Json, (path, field) => {
    const key = path.at(-1);
    if (key === 'text' && typeof field === 'string') return '';
    return key === 'turns' && Array.isArray(field) ? [] : undefined;
  }) as T;
}

/** Without what was said, and without all that tells who the caller is. */
export function withoutPerson<T>(value: T): T {
  return walk(withoutSpeech(value) as Json, (path, field) => {
    if (typeof field !== 'string' || field === '') return undefined;
    return isStructure(path) ? undefined : ERASED;
  }) as T;
}

/** With numbers masked wherever they may stand. */
export function withoutNumbers<T>(value: T, mask: Mask): T {
  return walk(value as Json, (path, field) =>
    typeof field === 'string' && !isStructure(path) ? mask(field) : undefined,
  ) as T;
}

/** A text without some numbers. */
export type Mask = (text: string) => string;

/** @param country ISO 3166, whose national formats may have been used; the number's own is known */
export function maskOf(number: string, country: string | undefined): Mask {
  const read = readerFor(number, country);
  return (text) => replaceNumbers(text, read, (found) => (found === number ? ERASED : undefined));
}

/** As `maskOf`, in a text that keeps its length; `withoutBlanks` finds what it leaves. */
export function blankOf(number: string, country: string | undefined): Mask {
  const read = readerFor(number, country);
  return (text) =>
    replaceNumbers(text, read, (found, written) =>
      found === number ? written.replace(/\d/g, BLANK) : undefined,
    );
}

export const hasBlanks = (value: unknown): boolean => JSON.stringify(value).includes(BLANK);
export const withoutBlanks: Mask = (text) => text.replace(BLANKS, ERASED);

/** Whether the text is that number, and nothing else. */
export function isNumber(
  text: string | undefined,
  number: string,
  country: string | undefined,
): boolean {
  return text !== undefined && readerFor(number, country)(text) === number;
}

function readerFor(number: string, country: string | undefined) {
  const countries = [...new Set([country, countryOf(number)])];
  return (written: string) => readNumber(written, countries);
}

function isStructure(path: readonly string[]): boolean {
  const key = path.at(-1) ?? '';
  // Rooms are named after their callers, agents by the operator.
  if (key === 'name') return AGENT.has(path.at(-2) ?? '');
  return STRUCTURE.has(key) || STRUCTURAL_ENDING.test(key);
}

function walk(
  value: Json,
  change: (path: readonly string[], field: Json) => Json,
  path: readonly string[] = [],
): Json {
  const changed = change(path, value);
  if (changed !== undefined) return changed;
  if (Array.isArray(value)) return value.map((item: Json) => walk(item, change, path));
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, field]) => [name, walk(field, change, [...path, name])]),
  );
}
