/** RFC 4733 §3.2, table 3: the event's number is the digit's place. */
const DIGITS = '0123456789*#ABCD';
const END = 0x80;
const VOLUME = 0x3f;
/** dBm0 without the sign: a usual level of a telephone's keys. */
const DEFAULT_VOLUME = 10;
const LENGTH = 4;

export interface TelephoneEvent {
  /** One of 0-9, *, #, A-D. */
  readonly digit: string;
  readonly end: boolean;
  /** In timestamp units, at most 0xffff. */
  readonly duration: number;
}

/** Undefined for what is no DTMF digit: other events (flash, tones) and garbage. RFC 4733 §2.3. */
export function parseTelephoneEvent(payload: Uint8Array): TelephoneEvent | undefined {
  if (payload.length < LENGTH) return undefined;
  const [event = 0, flags = 0, high = 0, low = 0] = payload;
  const digit = DIGITS[event];
  if (digit === undefined) return undefined;
  return { digit, end: (flags & END) !== 0, duration: (high << 8) | low };
}

/** @throws RangeError on a character that is no DTMF digit. */
export function formatTelephoneEvent(event: TelephoneEvent): Uint8Array {
  const number = dtmfCode(event.digit);
  if (number === undefined) throw new RangeError(`no DTMF digit: ${event.digit}`);
  const flags = (event.end ? END : 0) | (DEFAULT_VOLUME & VOLUME);
  return Uint8Array.of(number, flags, event.duration >> 8, event.duration & 0xff);
}

/** The event number of a digit; undefined when it is none. */
export function dtmfCode(digit: string): number | undefined {
  const code = digit.length === 1 ? DIGITS.indexOf(digit.toUpperCase()) : -1;
  return code < 0 ? undefined : code;
}
