import { headerValues } from './message.ts';
import { bodyTypes, SDP_TYPES } from './request.ts';
import type { Refusal, SipRequest } from './request.ts';

/** What this endpoint takes; the Allow header (RFC 3261 §20.5). */
export const ALLOWED_METHODS: readonly string[] = [
  'INVITE',
  'ACK',
  'CANCEL',
  'BYE',
  'OPTIONS',
  'INFO',
];

/** Method, scheme, extensions and body type: RFC 3261 §8.2.1 to §8.2.3. Undefined when it passes. */
export function checkSupport(request: SipRequest): Refusal | undefined {
  const { message, method, requestUri, body } = request;
  if (method === 'ACK') return undefined;
  if (!ALLOWED_METHODS.includes(method)) {
    return { statusCode: 405, extraHeaders: [allowHeader()] };
  }
  // Nothing of TLS is done here.
  if (requestUri.scheme !== 'sip' && requestUri.scheme !== 'tel') return { statusCode: 416 };
  // A CANCEL carries no Require, and if it does it is ignored (RFC 3261 §8.2.2.3).
  if (method === 'CANCEL') return undefined;
  const required = headerValues(message, 'require').join(', ');
  if (required !== '') return { statusCode: 420, extraHeaders: [`Unsupported: ${required}`] };
  if (body !== 'unsupported') return undefined;
  return { statusCode: 415, extraHeaders: acceptHeaders(bodyTypes(method)) };
}

/** RFC 3261 §20.1, §20.2; RFC 5621 §3 for the parts that they may come in. */
export function acceptHeaders(types: readonly string[] = SDP_TYPES): string[] {
  return [`Accept: ${[...types, 'multipart/mixed'].join(', ')}`, 'Accept-Encoding: identity'];
}

export function allowHeader(): string {
  return `Allow: ${ALLOWED_METHODS.join(', ')}`;
}
