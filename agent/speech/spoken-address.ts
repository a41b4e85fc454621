/** How the signs of an address are called, by language; where it is not known the voice must know. */
const SIGNS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  en: { '.': 'dot', '@': 'at', '/': 'slash', '-': 'dash', _: 'underscore', '+': 'plus' },
  ru: { '.': 'точка', '@': 'собака', '/': 'слэш', '-': 'дефис', _: 'подчёркивание', '+': 'плюс' },
};
/** A path of more than that nobody can remember. */
const LONGEST_PATH = /^(?:\/[\w-]{1,20}){1,2}$/;

const URL_PATTERN = /(?<![\w@])(?:https?:\/\/|www\.)[^\s<>"'()[\]{}]*[\w/]/gi;
const EMAIL = /(?:mailto:)?([\w.+-]+@[\w-]+(?:\.[\w-]+)+)/gi;

/** Web and e-mail addresses as somebody says them on the telephone: "example dot com slash menu". */
export function sayAddresses(text: string, language: string): string {
  return text
    .replace(URL_PATTERN, (url) => spell(bareUrl(url), language))
    .replace(EMAIL, (_all, address: string) => spell(address, language));
}

/** Without what nobody says: scheme, `www.`, query, and a path that is long. */
function bareUrl(url: string): string {
  const [host = '', path = ''] = url
    .replace(/^https?:\/\//i, '')
    .replace(/^www\./i, '')
    .replace(/[?#].*$/s, '')
    .split(/(?=\/)(.*)/s);
  const name = host.replace(/:\d+$/, '');
  const short = path.replace(/\/$/, '');
  return LONGEST_PATH.test(short) ? name + short : name;
}

function spell(address: string, language: string): string {
  const signs = SIGNS[language.toLowerCase().split('-')[0] ?? ''];
  if (!signs) return address;
  return address.replace(/[.@/_+-]/g, (sign) => ` ${signs[sign] ?? sign} `).replace(/ {2,}/g, ' ');
}
