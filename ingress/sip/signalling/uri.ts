import { readParameters } from './header-value.ts';
import type { Parameters } from './header-value.ts';

/** A SIP URI or a telephone number (RFC 3261 §19.1, RFC 3966); of any other only that it is one. */
export interface Uri {
  readonly scheme: 'sip' | 'sips' | 'tel' | 'other';
  /** What stands before the @, or the number, as it was written; undefined: nothing. */
  readonly userInfo: string | undefined;
  /** IPv6 in its brackets; '' where there is none. */
  readonly host: string;
  readonly port: number | undefined;
  readonly parameters: Parameters;
}

/** Our own limit: none is longer than a few hundred. */
const MAX_LENGTH = 1_024;
const SCHEME = /^([a-z][a-z\d+.-]*):(?!$)/i;
/** What no part of a URI has, escaped or not; user names in UTF-8 are let through. */
const FORBIDDEN = /[\s<>"\\^`{|}]|%(?![\da-f]{2})/i;
// A control character is what this looks for.
// oxlint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u001f\u007f]/;
const HOST_PORT = /^(\[[\da-f:.]+\]|[\w.-]+)(?::(\d{1,5}))?$/i;
const NUMBER = /^\+?[\w*#.()-]+$/;

/**
 * SIP.js has a grammar for this, but it takes no `tel:`, no host that ends in a dot or has an
 * underscore in its last label, puts `maddr` in the host's place, and decodes the user, so that
 * what it writes is not what it read and may throw (`%25ZZ`).
 */
export function parseUri(text: string): Uri | undefined {
  const scheme = SCHEME.exec(text)?.[1]?.toLowerCase();
  if (scheme === undefined || text.length > MAX_LENGTH) return undefined;
  if (FORBIDDEN.test(text) || CONTROL.test(text)) return undefined;
  const rest = text.slice(scheme.length + 1);
  if (scheme === 'sip' || scheme === 'sips') return parseSip(scheme, rest);
  const [number = '', ...parts] = scheme === 'tel' ? rest.split(';') : [];
  const parameters = readParameters(parts);
  if (!parameters || (scheme === 'tel' && !NUMBER.test(number))) return undefined;
  return {
    scheme: scheme === 'tel' ? scheme : 'other',
    userInfo: number || undefined,
    host: '',
    port: undefined,
    parameters,
  };
}

function parseSip(scheme: 'sip' | 'sips', rest: string): Uri | undefined {
  const at = rest.indexOf('@');
  // Headers are for a link to be clicked, and never part of a request (RFC 3261 §19.1.1, table 1).
  const [address = ''] = rest.slice(at + 1).split('?');
  const [hostPort = '', ...parts] = address.split(';');
  const [, host, port] = HOST_PORT.exec(hostPort) ?? [];
  const parameters = readParameters(parts);
  if (host === undefined || !parameters || at === 0 || address.includes('@')) return undefined;
  if (port !== undefined && Number(port) > 65_535) return undefined;
  return {
    scheme,
    userInfo: at === -1 ? undefined : rest.slice(0, at),
    host,
    port: port === undefined ? undefined : Number(port),
    parameters,
  };
}

/** Who it names: the user without a password and parameters of its own, unescaped. */
export function userOf({ userInfo }: Uri): string | undefined {
  const user = userInfo?.split(/[:;]/, 1)[0];
  if (user === undefined || user === '') return undefined;
  try {
    return decodeURIComponent(user);
  } catch {
    return user;
  }
}
