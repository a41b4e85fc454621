import {
  IncomingRequestMessage,
  IncomingResponseMessage,
  NameAddrHeader,
  URI,
} from 'sip.js/lib/core/index.js';
import type { Flow } from './flow.ts';
import { headerValue, headerValues } from './message.ts';
import type { SipMessage } from './message.ts';
import type { NameAddr } from './name-addr.ts';
import type { Parameters } from './header-value.ts';
import { readSequence } from './request.ts';
import type { SipRequest } from './request.ts';
import type { Uri } from './uri.ts';
import { markReceived, parseVia } from './via.ts';

// SIP.js escapes what it has decoded, so that a user with a semicolon becomes another one, and
// throws at a percent sign. Here it is given users as they were written, and writes them so.
Object.defineProperty(URI.prototype, 'escapeUser', { value: (user: string) => user });

/**
 * A request as SIP.js' own parser would hand it on: with the headers that its transactions and
 * dialogs look at, each under its right name, and with the one part of the body that is read.
 */
export function toSipJs(request: SipRequest, flow: Flow): IncomingRequestMessage {
  const { message, from, to, contact, body } = request;
  const host = bracketed(flow.localAddress);
  /** Answers repeat the header as it came; requests of ours are made from what was read. */
  const address = (name: 'From' | 'To' | 'Contact', { uri, parameters }: NameAddr) => {
    const raw = headerValue(message, name.toLowerCase()) ?? '';
    const parsed = new NameAddrHeader(uriOf(uri, host), '', Object.fromEntries(parameters));
    incoming.headers[name] = [{ raw, parsed }];
    return parsed;
  };
  const incoming = new IncomingRequestMessage();
  incoming.method = request.method;
  incoming.ruri = uriOf(request.requestUri, host);
  incoming.callId = request.callId;
  incoming.cseq = request.sequence;
  incoming.viaBranch = transactionKey(request);
  const [top = '', ...vias] = headerValues(message, 'via');
  incoming.addHeader('via', markReceived(top, flow.remoteAddress, flow.remotePort));
  for (const via of vias) incoming.addHeader('via', via);
  incoming.from = address('From', from);
  incoming.to = address('To', to);
  if (request.fromTag !== undefined) incoming.fromTag = request.fromTag;
  if (request.toTag !== undefined) incoming.toTag = request.toTag;
  if (contact) address('Contact', contact);
  for (const route of request.recordRoutes) incoming.addHeader('record-route', route);
  const userAgent = headerValue(message, 'user-agent');
  if (userAgent !== undefined) incoming.addHeader('user-agent', userAgent);
  incoming.body = '';
  if (typeof body === 'object') {
    incoming.body = body.content;
    incoming.headers['Content-Type'] = [{ raw: body.type, parsed: body.type }];
  }
  return incoming;
}

export interface SipResponse {
  readonly statusCode: number;
  readonly branch: string;
  /** Of the request that it answers. */
  readonly method: string;
}

/** Undefined for what answers nothing that could be told: without a branch, a CSeq, a status. */
export function readResponse(message: SipMessage): SipResponse | undefined {
  const status = /^SIP\/2\.0 ([1-6]\d\d)(?: |$)/i.exec(message.startLine)?.[1];
  const branch = parseVia(headerValue(message, 'via') ?? '')?.branch;
  const sequence = readSequence(message);
  if (!message.wellFormed || !status || branch === undefined || !sequence) return undefined;
  // RFC 3261 §8.1.3.3: it was meant for somebody else.
  if (headerValues(message, 'via').length > 1) return undefined;
  return { statusCode: Number(status), branch, method: sequence.method };
}

export function responseToSipJs(response: SipResponse): IncomingResponseMessage {
  const incoming = new IncomingResponseMessage();
  incoming.statusCode = response.statusCode;
  incoming.method = response.method;
  incoming.viaBranch = response.branch;
  incoming.body = '';
  return incoming;
}

/**
 * RFC 3261 §17.2.3: branch, sent-by and method decide, where SIP.js looks at the branch only; for
 * clients of RFC 2543, whose branch says nothing, the fields that §17.2.3 names.
 */
export function transactionKey(request: SipRequest): string {
  const { via, method, fromTag, callId, sequence } = request;
  const group = method === 'ACK' || method === 'CANCEL' ? 'INVITE' : method;
  const sentBy = `${via.host}:${via.port}`;
  if (via.branch?.toLowerCase().startsWith('z9hg4bk') && via.branch.length > 7) {
    return [via.branch, sentBy, group].join('|');
  }
  return ['rfc2543', sentBy, callId, fromTag, sequence, group].join('|');
}

/** An IPv6 address as it stands in a URI. */
export function bracketed(address: string): string {
  return address.includes(':') ? `[${address}]` : address;
}

/** SIP.js knows SIP URIs only: what has no host, such as a telephone number, becomes ours. */
function uriOf({ scheme, userInfo = '', host, port, parameters }: Uri, ourHost: string): URI {
  if (host === '') return new URI('sip', userInfo, ourHost);
  return new URI(scheme, userInfo, host, port, flags(parameters));
}

/** SIP.js writes null as a parameter without a value. */
function flags(parameters: Parameters): Record<string, string | null> {
  return Object.fromEntries([...parameters].map(([name, value]) => [name, value || null]));
}
