import { readBody } from './body.ts';
import type { Body } from './body.ts';
import { splitValue } from './header-value.ts';
import { DTMF_TYPES } from './info-dtmf.ts';
import { bodyOf, headerValue, headerValues } from './message.ts';
import type { SipMessage } from './message.ts';
import { parseNameAddr } from './name-addr.ts';
import type { NameAddr } from './name-addr.ts';
import { parseUri } from './uri.ts';
import type { Uri } from './uri.ts';
import { parseVia } from './via.ts';
import type { Via } from './via.ts';

/** A request read once, here: who comes after trusts it. */
export interface SipRequest {
  readonly message: SipMessage;
  readonly method: string;
  readonly requestUri: Uri;
  /** The top one. */
  readonly via: Via;
  readonly from: NameAddr;
  readonly fromTag: string | undefined;
  readonly to: NameAddr;
  /** Undefined: the request begins a dialog, or is of none. */
  readonly toTag: string | undefined;
  readonly callId: string;
  readonly sequence: number;
  /** See `readBody`. */
  readonly body: Body | 'none' | 'unsupported';
  /** Of an INVITE, which has one: where our requests of the dialog go. */
  readonly contact: NameAddr | undefined;
  /** Of an INVITE: the proxies that they go by. */
  readonly recordRoutes: readonly string[];
}

/** Why a request is answered at once, without a transaction. */
export interface Refusal {
  readonly statusCode: number;
  readonly reasonPhrase?: string;
  /** Whole header lines. */
  readonly extraHeaders?: readonly string[];
}

export const SDP_TYPES: readonly string[] = ['application/sdp'];
/** Headers that may be there once only, or two readers could read two things. */
const SINGLE = ['from', 'to', 'call-id', 'cseq', 'max-forwards', 'content-length', 'content-type'];
const MANDATORY = ['via', 'from', 'to', 'call-id', 'cseq'];
const REQUEST_LINE = /^([\w.!%*+`'~-]+) (\S+) SIP\/(\d+\.\d+)$/i;
/** RFC 3261 §8.1.1.5 */
const MAX_CSEQ = 2 ** 31;

export function isRefusal(answer: object): answer is Refusal {
  return 'statusCode' in answer;
}

/** Is it a request that can be understood? RFC 3261 §8.1.1, §16.3, §18.3; the cases of RFC 4475. */
export function readRequest(message: SipMessage): SipRequest | Refusal {
  const [, method, uri = '', version] = REQUEST_LINE.exec(message.startLine) ?? [];
  if (method === undefined) return bad('Malformed Request-Line');
  if (version !== '2.0') return { statusCode: 505 };
  const fault = checkHeaders(message);
  if (fault !== undefined) return bad(fault);
  const requestUri = parseUri(uri);
  if (!requestUri) return bad('Malformed Request-URI');
  const via = parseVia(headerValue(message, 'via') ?? '');
  if (!via) return bad('Malformed Via Header');
  const sequence = readSequence(message);
  if (!sequence) return bad('Malformed CSeq Header');
  if (sequence.method !== method) return bad('CSeq Method Does Not Match');
  const from = parseNameAddr(headerValue(message, 'from') ?? '');
  if (!from) return bad('Malformed From Header');
  const to = parseNameAddr(headerValue(message, 'to') ?? '');
  if (!to) return bad('Malformed To Header');
  const way = method === 'INVITE' ? readWayBack(message) : NO_WAY_BACK;
  if (isRefusal(way)) return way;
  return {
    message,
    method,
    requestUri,
    via,
    from,
    fromTag: from.parameters.get('tag') || undefined,
    to,
    toTag: to.parameters.get('tag') || undefined,
    callId: headerValue(message, 'call-id') ?? '',
    sequence: sequence.number,
    body: readBody(message, bodyTypes(method)),
    ...way,
  };
}

/** The types of body that a request of this method may have; of none its body is left unread. */
export function bodyTypes(method: string): readonly string[] {
  if (method === 'INFO') return DTMF_TYPES;
  return method === 'INVITE' || method === 'ACK' ? SDP_TYPES : [];
}

/** The CSeq header of a request or a response. */
export function readSequence(
  message: SipMessage,
): { readonly number: number; readonly method: string } | undefined {
  const [, number, method] = /^(\d{1,10})\s+(\S+)$/.exec(headerValue(message, 'cseq') ?? '') ?? [];
  if (number === undefined || method === undefined || Number(number) >= MAX_CSEQ) return undefined;
  return { number: Number(number), method };
}

function bad(reasonPhrase: string): Refusal {
  return { statusCode: 400, reasonPhrase };
}

function checkHeaders(message: SipMessage): string | undefined {
  if (!message.wellFormed) return 'Malformed Header';
  for (const name of MANDATORY) {
    if (!headerValue(message, name)) return `Missing ${name} Header`;
  }
  for (const name of SINGLE) {
    if (headerValues(message, name).length > 1) return `More Than One ${name} Header`;
  }
  const length = headerValue(message, 'content-length') ?? '0';
  if (!/^\d{1,9}$/.test(length)) return 'Malformed Content-Length Header';
  // RFC 3261 §18.3: a datagram shorter than its Content-Length is refused.
  if (Number(length) > bodyOf(message).length) return 'Body Shorter Than Content-Length';
  const hops = headerValue(message, 'max-forwards') ?? '70';
  if (!/^\d{1,9}$/.test(hops) || Number(hops) > 255) return 'Malformed Max-Forwards Header';
  return undefined;
}

/** Where the sender's own requests go: what an INVITE says of it. */
type WayBack = Pick<SipRequest, 'contact' | 'recordRoutes'>;

const NO_WAY_BACK: WayBack = { contact: undefined, recordRoutes: [] };

/** The first Contact; requests that we send go to SIP URIs only. */
function readWayBack(message: SipMessage): WayBack | Refusal {
  const value = headerValue(message, 'contact');
  if (value === undefined) return bad('Missing contact Header');
  const contact = parseNameAddr(splitValue(value, ',')?.[0] ?? '');
  if (!contact?.uri.scheme.startsWith('sip')) return bad('Malformed Contact Header');
  const recordRoutes: string[] = [];
  for (const value of headerValues(message, 'record-route')) {
    const routes = splitValue(value, ',');
    if (!routes?.every((route) => parseNameAddr(route)))
      return bad('Malformed Record-Route Header');
    recordRoutes.push(...routes);
  }
  return { contact, recordRoutes };
}
