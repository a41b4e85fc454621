import { isE164, toE164 } from '../../config/e164.ts';

/** What stands between the digits of one number: white space, dashes, marks of sentences and lists. */
export const BETWEEN_DIGITS: readonly string[] = [
  ...' \t\r\n\u00a0\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u3000'.split(''),
  ...'().,-/_*\u00ad\u2010\u2011\u2012\u2013\u2014\u2015\u2212'.split(''),
];
const BETWEEN = BETWEEN_DIGITS.map(
  (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`,
);
/**
 * A number as people and machines write it, with all the digits that belong to it. What is between
 * them is left out when it is read.
 */
const WRITTEN = new RegExp(`\\+?\\(?\\d(?:[${BETWEEN.join('')}]{0,3}\\d)*`, 'g');
const LEFT_OUT = new RegExp(`[${BETWEEN.join('')}]`, 'g');
/** More groups of digits than a number is written in are a list of something else. */
const MAX_GROUPS = 12;

/**
 * Puts something else in the place of whole numbers, however they are written: `+49 30 12340`,
 * `0049…`, `030 12340`, in a room's name, an identity, a URI or a sentence. What only begins or ends
 * like one is another number and stays.
 *
 * @param replace is asked about each number; undefined leaves it
 */
export function replaceNumbers(
  text: string,
  read: (written: string) => string | undefined,
  replace: (number: string, written: string) => string | undefined,
): string {
  return text.replace(WRITTEN, (written) => {
    const number = read(written);
    if (number !== undefined) return replace(number, written) ?? written;
    return replaceGroups(written, read, replace);
  });
}

/** Digits that are no number as a whole: two numbers in a row, or one after something else. */
function replaceGroups(
  written: string,
  read: (written: string) => string | undefined,
  replace: (number: string, written: string) => string | undefined,
): string {
  const groups = [...written.matchAll(/\+?\d+/g)];
  if (groups.length === 1 || groups.length > MAX_GROUPS) return written;
  let result = '';
  let end = 0;
  for (let first = 0; first < groups.length; first += 1) {
    const start = groups[first]?.index ?? 0;
    for (let last = groups.length - 1; last >= first; last -= 1) {
      const [digits = ''] = groups[last] ?? [];
      const stop = (groups[last]?.index ?? 0) + digits.length;
      const part = written.slice(start, stop);
      const number = read(part);
      const replaced = number && replace(number, part);
      if (replaced === undefined) continue;
      result += written.slice(end, start) + replaced;
      end = stop;
      first = last;
      break;
    }
  }
  return result + written.slice(end);
}

/**
 * What a written number says in E.164.
 *
 * @param countries ISO 3166, whose national formats may have been used, the likeliest first
 */
export function readNumber(
  written: string,
  countries: readonly (string | undefined)[],
): string | undefined {
  for (const country of countries) {
    const number = toE164(written, { country }) ?? toE164(digitsOf(written), { country });
    if (number !== undefined) return number;
  }
  // No number plan knows it; then it is one if it is written as machines do.
  return isE164(`+${written}`) ? `+${written}` : undefined;
}

function digitsOf(written: string): string {
  return written.replace(LEFT_OUT, '');
}
