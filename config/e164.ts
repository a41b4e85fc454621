import {
  type CountryCode,
  isSupportedCountry,
  parsePhoneNumberFromString,
} from 'libphonenumber-js/min';

/** ITU-T E.164 with its plus sign; shorter than 7 digits is nobody's public number. */
const E164 = /^\+[1-9]\d{6,14}$/;

/** Longest text worth reading as a number; a header's value is the caller's to choose. */
const MAX_LENGTH = 256;

/**
 * @example isE164('+73433009243'); // true; '73433009243' is not
 */
export function isE164(text: string): boolean {
  return E164.test(text);
}

/**
 * The E.164 form of a number as trunks, headers and people write it: `73433009243`, `8 (343) …` in
 * Russia, `00…`, `+…`, the user part of a `sip:` or `tel:` URI, with or without an extension.
 *
 * @param options.country ISO 3166 country whose national format the sender may use
 * @returns undefined for what is not a public number (`1000`, `agent`): callers keep the raw text
 * @example toE164('8 (343) 300-92-43', { country: 'RU' }); // '+73433009243'
 */
export function toE164(
  raw: string,
  options: { country?: string | undefined } = {},
): string | undefined {
  if (raw.length > MAX_LENGTH) return undefined;
  const number = userPart(raw)
    .split(/[,;x#]|ext/i, 1)[0]
    ?.replace(/[\s().\-/\u2010-\u2015]/g, '');
  if (number === undefined || !/^\+?\d{5,20}$/.test(number)) return undefined;
  // 00 dials abroad from most of the world, and begins no national number.
  if (number.startsWith('00')) return international(`+${number.slice(2)}`);
  if (number.startsWith('+')) return international(number);
  return national(number, options.country) ?? withoutPlus(number);
}

/** `"name" <uri>`: the name, in quotes or not, may look like one, too (RFC 3261 §25.1). */
const IN_BRACKETS = /^(?:"(?:[^"\\]|\\.)*"|[^"<>])*<([^<>]*)>/;

/** The user of a SIP or tel URI, the text itself when it is none. */
function userPart(raw: string): string {
  const bare = IN_BRACKETS.exec(raw)?.[1] ?? raw.trim();
  const user = bare.replace(/^(?:sips?|tel):/i, '').replace(/@.*$/s, '');
  try {
    return decodeURIComponent(user);
  } catch {
    return user;
  }
}

/** A number that says it is international is believed by its form: number plans change. */
function international(number: string): string | undefined {
  const parsed = parsePhoneNumberFromString(number);
  const normal = parsed?.isPossible() ? parsed.number : number;
  // One zero after the country's code is dropped at a time: +27 00… twice is one number.
  return normal === number ? (isE164(number) ? number : undefined) : international(normal);
}

function national(number: string, country: string | undefined): string | undefined {
  const code = country?.toUpperCase();
  if (code === undefined || !isCountry(code)) return undefined;
  const parsed = parsePhoneNumberFromString(number, code);
  return parsed?.isValid() && isE164(parsed.number) ? parsed.number : undefined;
}

/** Nothing says that the number is international, so it has to be a valid one. */
function withoutPlus(number: string): string | undefined {
  const parsed = parsePhoneNumberFromString(`+${number}`);
  return parsed?.isValid() && isE164(parsed.number) ? parsed.number : undefined;
}

/** ISO 3166 country of an E.164 number; undefined where no number plan has it. */
export function countryOf(number: string): string | undefined {
  return parsePhoneNumberFromString(number)?.country;
}

/** Whether a text is an ISO 3166 country with a number plan, e.g. `RU`. */
export function isCountry(code: string): code is CountryCode {
  return isSupportedCountry(code);
}
