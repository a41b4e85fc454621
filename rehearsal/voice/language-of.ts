/** ISO 639-1 code by the script of the text: Russian for Cyrillic, else English. */
export function languageOf(text: string): 'en' | 'ru' {
  return /\p{Script=Cyrillic}/u.test(text) ? 'ru' : 'en';
}
