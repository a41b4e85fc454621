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

/**
 * The setting that a name can only have been meant for: but for underscores, capitals, `API` and two
 * letters it is its name. Other programs have settings of nearly such names, so it is strict.
 *
 * @example almost('OPENAI_KEY', ['OPENAI_API_KEY', 'OPENAI_BASE_URL']); // 'OPENAI_API_KEY'
 */
export function almost(name: string, known: readonly string[]): string | undefined {
  return known
    .map((candidate) => ({ candidate, letters: distance(bare(name), bare(candidate)) }))
    .filter(({ letters }) => letters <= 2)
    .sort((a, b) => a.letters - b.letters)[0]?.candidate;
}

function bare(name: string): string {
  return name.toUpperCase().replaceAll(/API|_/g, '');
}
