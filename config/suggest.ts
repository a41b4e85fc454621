import { closest, distance } from 'fastest-levenshtein';

/**
 * ` Did you mean "…"?` when one of the known names is near enough to be meant, else nothing.
 *
 * @example suggest('SIP_PROT', ['SIP_PORT', 'SIP_HOST']); // ' Did you mean "SIP_PORT"?'
 */
export function suggest(name: string, known: readonly string[]): string {
  if (known.length === 0) return '';
  const nearest = closest(
    name.toLowerCase(),
    known.map((candidate) => candidate.toLowerCase()),
  );
  const near = distance(name.toLowerCase(), nearest) <= Math.max(2, Math.floor(name.length / 3));
  const spelled = known.find((candidate) => candidate.toLowerCase() === nearest);
  return near && spelled !== undefined ? ` Did you mean "${spelled}"?` : '';
}
