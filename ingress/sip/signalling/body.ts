import { readToken } from './header-value.ts';
import { bodyOf, readHeaders } from './message.ts';
import type { SipHeader, SipMessage } from './message.ts';

/** Bytes as characters. */
export interface Body {
  /** In lower case, without parameters. */
  readonly type: string;
  readonly content: string;
}

interface Part {
  readonly headers: readonly SipHeader[];
  readonly content: string;
}

/** Nobody nests parts deeper than this. */
const MAX_DEPTH = 4;

/**
 * What a body says in one of the types that are understood here, by itself or as a part of a
 * multipart one (RFC 5621). Parts that we do not understand are left out, as nobody needs a caller's
 * location or picture to talk; but one that says `handling=required` itself, or a body that holds
 * nothing else and does not say `optional`, is not for us (RFC 3261 §20.11).
 *
 * @param types none: whatever it is, nobody reads it
 * @returns 'none' when there is nothing that has to be understood, 'unsupported' (415) when there is
 */
export function readBody(
  message: SipMessage,
  types: readonly string[],
): Body | 'none' | 'unsupported' {
  const content = bodyOf(message).toString('latin1');
  if (content === '' || types.length === 0) return 'none';
  const part = { headers: message.headers, content };
  return understood(part, types, 0) ?? (handling(part) === 'optional' ? 'none' : 'unsupported');
}

function understood(
  part: Part,
  types: readonly string[],
  depth: number,
): Body | 'unsupported' | undefined {
  const { token: type = '', parameters } = readToken(valueOf(part, 'content-type') ?? '') ?? {};
  if (type.startsWith('multipart/')) {
    const parts = depth < MAX_DEPTH && cut(part.content, parameters?.get('boundary') ?? '');
    return parts ? choose(parts, type, types, depth) : undefined;
  }
  if (!types.includes(type) || isEncoded(part) || isForAnother(part)) return undefined;
  return { type, content: part.content };
}

/** Of alternatives the last is the best (RFC 2046 §5.1.4), else the first counts. */
function choose(
  parts: readonly Part[],
  type: string,
  types: readonly string[],
  depth: number,
): Body | 'unsupported' | undefined {
  const alternatives = type === 'multipart/alternative';
  let chosen: Body | undefined;
  for (const part of parts) {
    const found = understood(part, types, depth + 1);
    if (typeof found === 'object') {
      if (chosen === undefined || alternatives) chosen = found;
    } else if (found === 'unsupported' || (!alternatives && handling(part) === 'required')) {
      return 'unsupported';
    }
  }
  return chosen;
}

/** The parts; undefined for what has no delimiter and so is no multipart body (RFC 2046 §5.1.1). */
function cut(content: string, boundary: string): Part[] | undefined {
  if (boundary === '') return undefined;
  const [, ...pieces] = `\r\n${content}`.split(`\r\n--${boundary}`);
  const parts: Part[] = [];
  for (const piece of pieces) {
    if (piece.startsWith('--')) break;
    const start = piece.indexOf('\r\n');
    if (start === -1 || piece.slice(0, start).trim() !== '') return undefined;
    parts.push(readPart(piece.slice(start)));
  }
  return parts.length === 0 ? undefined : parts;
}

/** @param text from the line end before its headers on; it may have none */
function readPart(text: string): Part {
  const end = text.indexOf('\r\n\r\n');
  if (end === -1) return { headers: [], content: text };
  const { headers } = readHeaders(text.slice(2, Math.max(end, 2)).split('\r\n'));
  return { headers, content: text.slice(end + 4) };
}

function isEncoded(part: Part): boolean {
  const encodings = [
    valueOf(part, 'content-encoding') ?? 'identity',
    valueOf(part, 'content-transfer-encoding') ?? 'binary',
  ];
  return encodings.some((name) => !/^(?:identity|binary|7bit|8bit)$/i.test(name.trim()));
}

/** SDP may be for something else than the session, such as early media (RFC 3959). */
function isForAnother(part: Part): boolean {
  const { token } = readToken(valueOf(part, 'content-disposition') ?? '') ?? {};
  return token === 'early-session';
}

function handling(part: Part): string | undefined {
  const { parameters } = readToken(valueOf(part, 'content-disposition') ?? '') ?? {};
  return parameters?.get('handling')?.toLowerCase();
}

function valueOf({ headers }: Part, name: string): string | undefined {
  return headers.find((header) => header.name === name)?.value;
}
