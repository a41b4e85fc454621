import type { Trunk } from '../../../config/config.ts';
import { toE164 } from '../../../config/e164.ts';
import { ANONYMOUS, isNowhere, isWithheld } from '../../../config/withheld-number.ts';
import { headerValue, headerValues } from './message.ts';
import { parseNameAddr } from './name-addr.ts';
import type { SipRequest } from './request.ts';
import { userOf } from './uri.ts';
import type { Uri } from './uri.ts';

/** What is not a number is kept as it is, within reason: it goes into names and logs. */
const MAX_RAW_LENGTH = 64;
/** Any of these asks that the caller be not shown (RFC 3323 §4.2, RFC 3325 §9.3). */
const PRIVATE = ['id', 'user', 'header'];

/**
 * Who was dialled: the trunk's header where there is one, else the Request-URI, else To; E.164 or
 * as sent. Undefined: nobody says.
 */
export function calledNumber(request: SipRequest, trunk: Trunk): string | undefined {
  const { message, requestUri, to } = request;
  const header = trunk.calledNumberHeader?.toLowerCase();
  const value = header === undefined ? '' : (headerValue(message, header) ?? '');
  // Some are an address, some a bare number.
  const address = parseNameAddr(value)?.uri;
  return (
    normalise(address ? userOf(address) : value, trunk) ??
    normalise(userOf(requestUri), trunk) ??
    normalise(userOf(to.uri), trunk)
  );
}

/** Who calls, by the URI in From, which is the caller's to choose; `anonymous` when withheld. */
export function callerNumber({ message, from }: SipRequest, trunk: Trunk): string {
  const asked = headerValues(message, 'privacy').flatMap((value) => value.split(/[;,]/));
  const isPrivate = asked.some((word) => PRIVATE.includes(word.trim().toLowerCase()));
  return isPrivate ? ANONYMOUS : numberIn(from.uri, trunk);
}

/** Whether the trunk takes calls from this caller; both as written and in E.164. */
export function mayCall({ from }: SipRequest, trunk: Trunk): boolean {
  if (trunk.allowedNumbers.length === 0) return true;
  // Who is not to be shown is still known to us.
  const caller = numberIn(from.uri, trunk);
  return trunk.allowedNumbers.some(
    (number) => number === caller || normalise(number, trunk) === caller,
  );
}

function numberIn(uri: Uri, trunk: Trunk): string {
  const user = userOf(uri) ?? '';
  if (isWithheld(user) || isNowhere(uri.host)) return ANONYMOUS;
  return normalise(user, trunk) ?? ANONYMOUS;
}

function normalise(raw: string | undefined, trunk: Trunk): string | undefined {
  if (raw === undefined) return undefined;
  const number = toE164(raw, { country: trunk.country });
  return number ?? (raw.replaceAll(/[^\w.+*#-]/g, '').slice(0, MAX_RAW_LENGTH) || undefined);
}
