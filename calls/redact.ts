/** Takes the place of what was removed. */
export const ERASED = 'erased';

/** What tells who somebody is, in events, records and what is made of them. */
const PERSONAL = new Set([
  'from',
  'to',
  'number',
  'identity',
  'sipCallIdFull',
  'remoteAddress',
  'userAgent',
  'roomName',
  'digit',
  'digits',
]);

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
  return walk(value as Json, (key, field) => {
    if (key === 'text' && typeof field === 'string') return '';
    return key === 'turns' && Array.isArray(field) ? [] : undefined;
  }) as T;
}

/** Without what was said, and without all that tells who the caller is. */
export function withoutPerson<T>(value: T): T {
  return walk(withoutSpeech(value) as Json, (key, field) =>
    PERSONAL.has(key) && typeof field === 'string' ? ERASED : undefined,
  ) as T;
}

/** With the number, written with a plus or without, masked wherever it stands. */
export function withoutNumber<T>(value: T, number: string): T {
  return walk(value as Json, (_key, field) =>
    typeof field === 'string' ? maskNumber(field, number) : undefined,
  ) as T;
}

export function maskNumber(text: string, number: string): string {
  const digits = digitsOf(number);
  return text.replaceAll(`+${digits}`, ERASED).replaceAll(digits, ERASED);
}

export function digitsOf(number: string): string {
  return number.replace(/\D/g, '');
}

function walk(value: Json, change: (key: string, field: Json) => Json, key = ''): Json {
  const changed = change(key, value);
  if (changed !== undefined) return changed;
  if (Array.isArray(value)) return value.map((item: Json) => walk(item, change, key));
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, field]) => [name, walk(field, change, name)]),
  );
}
