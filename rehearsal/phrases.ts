/** A caller's utterance that the rehearsal recogniser knows by its sound. */
export interface Phrase {
  readonly text: string;
  /** ISO 639-1 */
  readonly language: 'en' | 'ru';
}

const ENGLISH = [
  'Hello.',
  'Good evening.',
  "I'd like to book a table.",
  'Can I reserve a table, please?',
  'Do you have a table for tonight?',
  'For two people.',
  'For four people.',
  'For six people.',
  'There will be eight of us.',
  'Just me.',
  'Tonight at eight.',
  'Tomorrow at seven.',
  'Tomorrow evening at half past seven.',
  'On Friday at six.',
  'On Saturday at nine.',
  'On Sunday at noon.',
  'My name is Anna.',
  'My name is Peter Smith.',
  'The name is Garcia.',
  'My number is five five five, zero one, nine nine.',
  'What are your opening hours?',
  'When do you close?',
  'Are you open on Sundays?',
  'Where are you located?',
  'What is the address?',
  'Do you have parking?',
  'Do you have vegetarian dishes?',
  'We need a high chair for a baby.',
  'By the window, please.',
  "Yes, that's right.",
  'Yes, please.',
  "No, that's wrong.",
  'No, thank you.',
  'Could you repeat that?',
  'Can you hear me?',
  'Just a moment.',
  'I want to change my booking.',
  'I want to cancel my reservation.',
  'I would like to speak to a manager.',
  'Thank you very much.',
  "That's all, thanks.",
  'Goodbye.',
  'Mm-hm.',
];

const RUSSIAN = [
  'Здравствуйте.',
  'Я хочу забронировать столик.',
  'На двоих.',
  'На четверых.',
  'Завтра в семь вечера.',
  'В пятницу в восемь.',
  'Меня зовут Анна.',
  'До какого часа вы работаете?',
  'Какой у вас адрес?',
  'Да, всё верно.',
  'Нет, спасибо.',
  'До свидания.',
];

/** What rehearsal callers can say and be understood; everything else is unknown speech. */
export const PHRASES: readonly Phrase[] = [
  ...ENGLISH.map((text) => ({ text, language: 'en' as const })),
  ...RUSSIAN.map((text) => ({ text, language: 'ru' as const })),
];
