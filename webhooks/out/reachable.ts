import { BlockList, isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

/** IPv6 that is routed in the world (RFC 4291 §2.4, IANA): all else is local, mapped or reserved. */
const GLOBAL_UNICAST = ipaddr.IPv6.parseCIDR('2000::/3');

export type Scheme = 'http:' | 'https:';

/**
 * Whether an endpoint may be at an address. Endpoints are the tenant's to choose, so all that is
 * not plainly out in the world is refused: loopback, private, link-local with the clouds' metadata,
 * carrier NAT, multicast, reserved, and every way to write an IPv4 address in IPv6. What the
 * operator allows is reachable all the same, and by plain HTTP as well.
 *
 * @param allow CIDRs or addresses. Throws on anything else.
 */
export function createReachable(
  allow: readonly string[],
): (address: string, scheme: Scheme) => boolean {
  const allowed = new BlockList();
  for (const block of allow) {
    const [address = '', prefix] = block.split('/');
    const family = isIP(address);
    if (family === 0)
      throw new Error('an allowed endpoint address is neither an address nor a CIDR');
    const type = family === 6 ? 'ipv6' : 'ipv4';
    if (prefix === undefined) allowed.addAddress(address, type);
    else allowed.addSubnet(address, Number(prefix), type);
  }
  return (address, scheme) => {
    const family = isIP(address);
    // A zone is of this machine's links.
    if (family === 0 || address.includes('%')) return false;
    if (allowed.check(address, family === 6 ? 'ipv6' : 'ipv4')) return true;
    return scheme === 'https:' && isPublic(address);
  };
}

function isPublic(text: string): boolean {
  const address = ipaddr.parse(text);
  if (address.range() !== 'unicast') return false;
  return address.kind() === 'ipv4' || (address as ipaddr.IPv6).match(GLOBAL_UNICAST);
}
