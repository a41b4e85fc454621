/**
 * Sounds that mean "go on", by language. Said over the agent's speech they are no turn, so they
 * must not stop it; said in answer to a question ("mm-hm") they are one.
 */
const BACKCHANNELS: Readonly<Record<string, ReadonlySet<string>>> = {
  en: new Set(['mm', 'hm', 'hmm', 'mmm', 'mhm', 'mmhm', 'mmhmm', 'uhhuh', 'uh', 'um', 'ah', 'oh']),
  ru: new Set(['угу', 'ага', 'мгм', 'мм', 'хм', 'м', 'ах', 'ох']),
};

/** Whether the transcript is nothing but such sounds. */
export function isBackchannel(transcript: string, language: string): boolean {
  const known = BACKCHANNELS[language.toLowerCase().split('-')[0] ?? ''];
  const words = transcript
    .toLowerCase()
    .replaceAll(/[-'’]/g, '')
    .split(/[^\p{Letter}]+/u)
    .filter((word) => word !== '');
  return known !== undefined && words.length > 0 && words.every((word) => known.has(word));
}
