import type { Trunk } from '../../config/config.ts';
import { toE164 } from '../../config/e164.ts';
import type { SipMessage } from './message.ts';
import { headerValue } from './message.ts';

/** What is not a number is kept as it is, within reason: it goes into names and logs. */
const MAX_RAW_LENGTH = 64;

/** Who was dialled: the trunk's header where there is one, else the Request-URI; E.164 or as sent. */
export function calledNumber(message: SipMessage, requestUri: string, trunk: Trunk): string {
  const header = trunk.calledNumberHeader?.toLowerCase();
  const fromHeader = header === undefined ? undefined : headerValue(message, header);
  return normalise(fromHeader?.trim() || userOf(requestUri), trunk);
}

/** Who calls, by the From header, which is the caller's to choose; `anonymous` when withheld. */
export function callerNumber(message: SipMessage, trunk: Trunk): string {
  return normalise(userOf(headerValue(message, 'from') ?? ''), trunk) || 'anonymous';
}

/** Whether the trunk takes calls from this caller; both as written and in E.164. */
export function mayCall(from: string, trunk: Trunk): boolean {
  if (trunk.allowedNumbers.length === 0) return true;
  return trunk.allowedNumbers.some(
    (number) => number === from || normalise(number, trunk) === from,
  );
}

/** Host of a URI, e.g. for `sip.hostname`. */
export function hostOf(uri: string): string {
  return /^sips?:(?:[^@]*@)?(\[[^\]]*\]|[^:;?>\s]*)/i.exec(uri)?.[1] ?? '';
}

function normalise(raw: string, trunk: Trunk): string {
  const number = toE164(raw, { country: trunk.country });
  return number ?? raw.replaceAll(/[^\w.+*#-]/g, '').slice(0, MAX_RAW_LENGTH);
}

/** The user part of the first URI in a header or a Request-URI (RFC 3261 §19.1, RFC 3966). */
function userOf(text: string): string {
  const match = /(?:sips?:([^@:;?>\s]*)[^@>\s]*@|tel:([^;?>\s]*))/i.exec(text);
  const user = match?.[1] ?? match?.[2] ?? '';
  try {
    return decodeURIComponent(user);
  } catch {
    return user;
  }
}
