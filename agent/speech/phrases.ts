/** What is said where the model cannot or need not find words: same text, so synthesised once. */
export interface Phrases {
  /** Another agent's process died in the midst of this call. */
  readonly resumed: string;
  /** A reply did not come. */
  readonly repeat: string;
  /** Nobody has spoken for a while. */
  readonly stillThere: string;
  /** The call ends because nobody speaks, or because it has lasted too long. */
  readonly goodbye: string;
  /** The call ends because a provider fails. */
  readonly trouble: string;
}

const PHRASES: Readonly<Record<string, Phrases>> = {
  en: {
    resumed: 'Sorry, I lost you for a moment. Please go on.',
    repeat: 'I am sorry, I did not get that. Could you say it again?',
    stillThere: 'Are you still there?',
    goodbye: 'Thank you for calling. Goodbye.',
    trouble:
      'I am sorry, we have a technical problem. Please call again in a few minutes. Goodbye.',
  },
  ru: {
    resumed: 'Простите, связь прервалась. Продолжайте, пожалуйста.',
    repeat: 'Простите, я не расслышала. Повторите, пожалуйста.',
    stillThere: 'Вы меня слышите?',
    goodbye: 'Спасибо за звонок. До свидания.',
    trouble:
      'Простите, у нас технические неполадки. Пожалуйста, перезвоните через несколько минут.',
  },
};

/** In the line's language, English where there is none. */
export function phrasesFor(language: string): Phrases {
  const base = language.toLowerCase().split('-')[0] ?? '';
  return PHRASES[base] ?? (PHRASES['en'] as Phrases);
}
