/** How a caller without a number is recorded, however their network spells it. */
export const ANONYMOUS = 'anonymous';

/**
 * What networks write in the number's place: RFC 3323 and RFC 5079 (anonymous), 3GPP TS 24.229
 * (unavailable), PBXs and telephone exchanges of all makes (the others).
 */
const WORDS = new Set([
  ANONYMOUS,
  'blocked',
  'nonumber',
  'notavailable',
  'outofarea',
  'private',
  'restricted',
  'unavailable',
  'unknown',
  'withheld',
]);

/**
 * Whether this stands for a number that is not shown: "Restricted", `anonymous.invalid`, zeros.
 *
 * @example isWithheld('Restricted'); // true
 */
export function isWithheld(number: string): boolean {
  const word = number.toLowerCase().replaceAll(/[^a-z\d]/g, '');
  return WORDS.has(word) || /^\+?0*$/.test(number) || isNowhere(number);
}

/** RFC 2606: no host has a name that ends so; privacy services use it (RFC 3323 §4.1.1.3). */
export function isNowhere(host: string): boolean {
  return /(?:^|\.)invalid\.?$/i.test(host);
}
