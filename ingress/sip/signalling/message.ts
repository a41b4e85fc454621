import { splitValue } from './header-value.ts';

/**
 * A SIP message as it came off the wire, split but not interpreted, so that what cannot be read
 * still gets an answer (RFC 3261 §8.2, RFC 4475).
 */
export interface SipMessage {
  readonly startLine: string;
  /** In order of arrival; names lower-case and long (`v` is `via`), values unfolded. */
  readonly headers: readonly SipHeader[];
  /** What follows the blank line, before Content-Length is applied. */
  readonly body: Buffer;
  /** False: no blank line, or a header line that is none. */
  readonly wellFormed: boolean;
}

export interface SipHeader {
  readonly name: string;
  readonly value: string;
}

/** RFC 3261 §7.3.3 and the extensions' registrations with IANA. */
const LONG_NAMES: Readonly<Record<string, string>> = {
  a: 'accept-contact',
  b: 'referred-by',
  c: 'content-type',
  d: 'request-disposition',
  e: 'content-encoding',
  f: 'from',
  i: 'call-id',
  j: 'reject-contact',
  k: 'supported',
  l: 'content-length',
  m: 'contact',
  o: 'event',
  r: 'refer-to',
  s: 'subject',
  t: 'to',
  u: 'allow-events',
  v: 'via',
  x: 'session-expires',
  y: 'identity',
};

/** RFC 3261 §25.1 */
const TOKEN = /^[\w.!%*+`'~-]+$/;
const HEAD_END = Buffer.from('\r\n\r\n');

/**
 * Splits a datagram or a framed message. Bytes are kept as they are (latin1), so that what is
 * echoed is echoed unchanged. Undefined when it is no SIP at all: keep-alives, STUN, noise.
 */
export function readMessage(raw: Buffer): SipMessage | undefined {
  let start = 0;
  // RFC 3261 §7.5: CRLFs before the start line are ignored.
  while (raw[start] === 0x0d || raw[start] === 0x0a) start += 1;
  const end = raw.indexOf(HEAD_END, start);
  const head = raw.toString('latin1', start, end === -1 ? raw.length : end);
  const [startLine = '', ...lines] = head.split('\r\n');
  if (!/\bSIP\/\d/i.test(startLine)) return undefined;
  const { headers, wellFormed } = readHeaders(lines);
  return {
    startLine,
    headers,
    body: end === -1 ? raw.subarray(raw.length) : raw.subarray(end + HEAD_END.length),
    wellFormed: wellFormed && end !== -1,
  };
}

export function readHeaders(lines: readonly string[]): {
  headers: SipHeader[];
  wellFormed: boolean;
} {
  const headers: { name: string; value: string }[] = [];
  let wellFormed = true;
  for (const line of lines) {
    const last = headers.at(-1);
    if ((line.startsWith(' ') || line.startsWith('\t')) && last) {
      last.value = `${last.value} ${line.trim()}`.trim();
      continue;
    }
    const colon = line.indexOf(':');
    const name = line.slice(0, Math.max(colon, 0)).trim().toLowerCase();
    if (!TOKEN.test(name)) {
      wellFormed = wellFormed && line === '';
      continue;
    }
    // A lone CR or LF would begin a line of its own in what repeats it (RFC 3261 §25.1).
    wellFormed = wellFormed && !/[\r\n]/.test(line);
    headers.push({ name: LONG_NAMES[name] ?? name, value: line.slice(colon + 1).trim() });
  }
  return { headers: headers.flatMap(splitVia), wellFormed };
}

/** One Via a line, as answers repeat them. */
function splitVia(header: SipHeader): SipHeader[] {
  if (header.name !== 'via') return [header];
  const values = splitValue(header.value, ',') ?? [header.value];
  return values.map((value) => ({ name: 'via', value }));
}

/** Or something that only pretends to be one: never to be answered. */
export function isResponse(message: SipMessage): boolean {
  return /^SIP\//i.test(message.startLine);
}

export function headerValues(message: SipMessage, name: string): string[] {
  return message.headers.filter((header) => header.name === name).map((header) => header.value);
}

export function headerValue(message: SipMessage, name: string): string | undefined {
  return message.headers.find((header) => header.name === name)?.value;
}

/** The body as far as Content-Length goes. */
export function bodyOf(message: SipMessage): Buffer {
  const length = headerValue(message, 'content-length');
  return length === undefined ? message.body : message.body.subarray(0, Number(length));
}
