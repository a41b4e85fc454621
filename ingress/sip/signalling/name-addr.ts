import { readParameters, splitValue } from './header-value.ts';
import type { Parameters } from './header-value.ts';
import { parseUri } from './uri.ts';
import type { Uri } from './uri.ts';

/** Whom a From, To, Contact or Record-Route header names (RFC 3261 §20.10). */
export interface NameAddr {
  readonly uri: Uri;
  /** Of the header, not of the URI. */
  readonly parameters: Parameters;
}

const QUOTED = /"(?:[^"\\]|\\.)*"/g;

/**
 * Reads `"name" <uri>;parameters` or `uri;parameters`. The name is left unread, whatever it looks
 * like and in whatever character set it is: nobody is known by it, and the URI is who it is.
 */
export function parseNameAddr(value: string): NameAddr | undefined {
  const [address, ...rest] = splitValue(value, ';') ?? [];
  const text = address?.endsWith('>') ? inBrackets(address) : address;
  const uri = text === undefined ? undefined : parseUri(text);
  const parameters = readParameters(rest);
  return uri && parameters && { uri, parameters };
}

/** The URI at the end; undefined where there is a second one before it. */
function inBrackets(address: string): string | undefined {
  const start = address.lastIndexOf('<');
  const name = address.slice(0, start).replaceAll(QUOTED, '');
  return /[<>]/.test(name) ? undefined : address.slice(start + 1, -1);
}
