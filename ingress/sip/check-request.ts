import type { RequestLine, SipMessage } from './message.ts';
import { headerValue, headerValues } from './message.ts';
import { parseVia } from './via.ts';

/** What this endpoint takes; the Allow header (RFC 3261 §20.5). */
export const ALLOWED_METHODS: readonly string[] = [
  'INVITE',
  'ACK',
  'CANCEL',
  'BYE',
  'OPTIONS',
  'INFO',
];

/** Why a request is answered at once, without a transaction. */
export interface Refusal {
  readonly statusCode: number;
  readonly reasonPhrase?: string;
  /** Whole header lines. */
  readonly extraHeaders?: readonly string[];
}

/** Headers that may be there once only, or two readers could read two things. */
const SINGLE = ['from', 'to', 'call-id', 'cseq', 'max-forwards', 'content-length', 'content-type'];
const MANDATORY = ['via', 'from', 'to', 'call-id', 'cseq'];
/** RFC 3261 §8.1.1.5 */
const MAX_CSEQ = 2 ** 31;

function bad(reasonPhrase: string): Refusal {
  return { statusCode: 400, reasonPhrase };
}

/**
 * Is it a request that can be understood? RFC 3261 §8.1.1, §16.3, §18.3; the cases of RFC 4475.
 * Undefined when it is.
 */
export function checkSyntax(message: SipMessage, line: RequestLine): Refusal | undefined {
  if (line.version !== '2.0') return { statusCode: 505 };
  if (!message.wellFormed) return bad('Malformed Header');
  for (const name of MANDATORY) {
    if (headerValue(message, name) === undefined) return bad(`Missing ${name} Header`);
  }
  for (const name of SINGLE) {
    if (headerValues(message, name).length > 1) return bad(`More Than One ${name} Header`);
  }
  if (!parseVia(headerValue(message, 'via') ?? '')) return bad('Malformed Via Header');
  return checkSequence(message, line) ?? checkNumbers(message);
}

function checkSequence(message: SipMessage, line: RequestLine): Refusal | undefined {
  const [, number, method] = /^(\d{1,10})\s+(\S+)$/.exec(headerValue(message, 'cseq') ?? '') ?? [];
  if (number === undefined || Number(number) >= MAX_CSEQ) return bad('Malformed CSeq Header');
  if (method !== line.method) return bad('CSeq Method Does Not Match');
  return undefined;
}

function checkNumbers(message: SipMessage): Refusal | undefined {
  const length = headerValue(message, 'content-length') ?? '0';
  // RFC 3261 §18.3: a datagram shorter than its Content-Length is refused.
  if (!/^\d{1,9}$/.test(length)) return bad('Malformed Content-Length Header');
  if (Number(length) > message.body.length) return bad('Body Shorter Than Content-Length');
  const hops = headerValue(message, 'max-forwards') ?? '70';
  if (!/^\d{1,9}$/.test(hops) || Number(hops) > 255) return bad('Malformed Max-Forwards Header');
  return undefined;
}

/** Method, scheme, extensions and body type: RFC 3261 §8.2.1 to §8.2.3. Undefined when it passes. */
export function checkSupport(message: SipMessage, line: RequestLine): Refusal | undefined {
  if (line.method === 'ACK') return undefined;
  if (!ALLOWED_METHODS.includes(line.method)) {
    return { statusCode: 405, extraHeaders: [allowHeader()] };
  }
  if (!/^(sips?|tel):/i.test(line.uri)) return { statusCode: 416 };
  // A CANCEL carries no Require, and if it does it is ignored (RFC 3261 §8.2.2.3).
  if (line.method === 'CANCEL') return undefined;
  const required = headerValues(message, 'require').join(', ');
  if (required !== '') return { statusCode: 420, extraHeaders: [`Unsupported: ${required}`] };
  return line.method === 'INVITE' ? checkBody(message) : undefined;
}

function checkBody(message: SipMessage): Refusal | undefined {
  const length = Number(headerValue(message, 'content-length') ?? message.body.length);
  if (length === 0) return undefined;
  const encoding = headerValue(message, 'content-encoding') ?? 'identity';
  const type = (headerValue(message, 'content-type') ?? '').split(';')[0]?.trim().toLowerCase();
  if (type === 'application/sdp' && encoding.toLowerCase() === 'identity') return undefined;
  return {
    statusCode: 415,
    extraHeaders: ['Accept: application/sdp', 'Accept-Encoding: identity'],
  };
}

export function allowHeader(): string {
  return `Allow: ${ALLOWED_METHODS.join(', ')}`;
}
