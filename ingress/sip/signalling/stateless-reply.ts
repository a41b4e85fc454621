import { createHash } from 'node:crypto';
import { readParameters, splitValue } from './header-value.ts';
import type { Refusal } from './request.ts';
import type { SipMessage } from './message.ts';
import { headerValue } from './message.ts';
import { markReceived } from './via.ts';

const REASONS: Readonly<Record<number, string>> = {
  200: 'OK',
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  415: 'Unsupported Media Type',
  416: 'Unsupported URI Scheme',
  420: 'Bad Extension',
  481: 'Call/Transaction Does Not Exist',
  488: 'Not Acceptable Here',
  500: 'Server Internal Error',
  503: 'Service Unavailable',
  505: 'Version Not Supported',
  513: 'Message Too Large',
};

/**
 * A response made from the request alone, however broken it is (RFC 3261 §8.2.7): nothing is kept
 * for a caller who is not let in. Undefined where there is nothing to answer to: an ACK, no Via.
 */
export function statelessReply(
  message: SipMessage,
  source: { readonly address: string; readonly port: number },
  { statusCode, reasonPhrase, extraHeaders = [] }: Refusal,
): string | undefined {
  if (/^ACK /i.test(message.startLine)) return undefined;
  if (headerValue(message, 'via') === undefined) return undefined;
  const lines = [`SIP/2.0 ${statusCode} ${reasonPhrase ?? REASONS[statusCode] ?? ''}`];
  let top = true;
  for (const { name, value } of message.headers) {
    if (name !== 'via') continue;
    lines.push(`Via: ${top ? markReceived(value, source.address, source.port) : value}`);
    top = false;
  }
  lines.push(
    `From: ${headerValue(message, 'from') ?? ''}`,
    `To: ${withTag(headerValue(message, 'to') ?? '', message)}`,
    `Call-ID: ${headerValue(message, 'call-id') ?? ''}`,
    `CSeq: ${headerValue(message, 'cseq') ?? ''}`,
    ...extraHeaders,
    'Content-Length: 0',
  );
  return `${lines.join('\r\n')}\r\n\r\n`;
}

/** RFC 3261 §8.2.7: the same request, sent again, gets the same tag. */
function withTag(to: string, message: SipMessage): string {
  const [, ...parts] = splitValue(to, ';') ?? [];
  if (readParameters(parts)?.has('tag')) return to;
  const key = ['via', 'from', 'call-id', 'cseq'].map((name) => headerValue(message, name) ?? '');
  const tag = createHash('sha256').update(key.join('\n')).digest('hex').slice(0, 16);
  return `${to};tag=${tag}`;
}
