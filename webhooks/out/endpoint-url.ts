import { isIP } from 'node:net';
import type { Scheme } from './reachable.ts';

const MAX_URL_LENGTH = 2_000;

/**
 * What is wrong with an endpoint's URL, in words for whoever chose it; undefined: nothing that can
 * be told without a connection. Names are resolved, and checked, when they are connected to.
 */
export function endpointUrlProblem(
  text: string,
  isReachable: (address: string, scheme: Scheme) => boolean,
): string | undefined {
  const url = URL.parse(text);
  if (url === null || text.length > MAX_URL_LENGTH) return 'This is not a URL.';
  const { protocol, username, password, hash } = url;
  if (protocol !== 'https:' && protocol !== 'http:') return 'The URL must be https.';
  if (username !== '' || password !== '') return 'The URL must not hold a user or a password.';
  if (hash !== '') return 'The URL must not have a fragment.';
  // However it was written (decimal, octal, hexadecimal), it is an address now.
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  if (isIP(host) === 0 || isReachable(host, protocol)) return undefined;
  return isReachable(host, 'https:')
    ? 'The URL must be https.'
    : 'Endpoints at this address are not allowed (TRUNKLINE_ENDPOINT_ALLOW).';
}
