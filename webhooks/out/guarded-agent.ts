import { lookup as systemLookup } from 'node:dns';
import type { LookupAddress, LookupAllOptions } from 'node:dns';
import { isIP } from 'node:net';
import { Agent, buildConnector } from 'undici';
import type { Scheme } from './reachable.ts';

/** A connection that is kept for the next event of the call, ms. */
const KEEP_ALIVE_MS = 10_000;
const CONNECT_TIMEOUT_MS = 10_000;

/** As `dns.lookup` with `all`. */
export type Lookup = (
  hostname: string,
  options: LookupAllOptions,
  callback: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void;

/** The endpoint's address is one that endpoints may not have. */
class ForbiddenAddressError extends Error {
  readonly code = 'ERR_FORBIDDEN_ADDRESS';

  constructor() {
    super('the address is not one that endpoints may have');
  }
}

/**
 * Connects to reachable addresses only. The address that is checked is the one that is connected
 * to: a name that resolves to something else a moment later (DNS rebinding) gains nothing.
 */
export function createGuardedAgent(
  isReachable: (address: string, scheme: Scheme) => boolean,
  lookup: Lookup = systemLookup,
): Agent {
  const connectors = { 'http:': connector('http:'), 'https:': connector('https:') };

  function connector(scheme: Scheme) {
    const guarded: Lookup = (hostname, options, callback) => {
      lookup(hostname, { ...options, all: true }, (error, addresses) => {
        if (error !== null) return callback(error, []);
        // One bad address among good ones is a trick, or a mistake: refuse them all.
        const good = addresses.every(({ address }) => isReachable(address, scheme));
        if (addresses.length === 0 || !good) return callback(new ForbiddenAddressError(), []);
        return callback(null, addresses);
      });
    };
    return buildConnector({
      timeout: CONNECT_TIMEOUT_MS,
      // Node asks for one address unless it is trying several.
      lookup: (hostname, options, callback) =>
        guarded(hostname, options as LookupAllOptions, (error, addresses) => {
          const [first] = addresses;
          if (error !== null || first === undefined) callback(error, '', 0);
          else if (options.all === true) callback(null, addresses);
          else callback(null, first.address, first.family);
        }),
    });
  }

  return new Agent({
    keepAliveTimeout: KEEP_ALIVE_MS,
    pipelining: 1,
    connect(options, callback) {
      const scheme = options.protocol === 'https:' ? 'https:' : 'http:';
      const host = options.hostname.replace(/^\[(.*)\]$/, '$1');
      // What is an address already is not looked up.
      if (isIP(host) !== 0 && !isReachable(host, scheme)) {
        callback(new ForbiddenAddressError(), null);
        return;
      }
      connectors[scheme](options, callback);
    },
  });
}
