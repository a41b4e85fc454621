import { BlockList, isIP } from 'node:net';
import { networkInterfaces } from 'node:os';

/**
 * Our address as a peer reaches it: the one bound to, or for a wildcard the interface in the
 * peer's network, else the first that is not loopback.
 */
export function localAddressFor(boundTo: string, remote: string): string {
  if (boundTo !== '0.0.0.0' && boundTo !== '::') return boundTo;
  const family = isIP(remote) === 6 ? 'IPv6' : 'IPv4';
  const addresses = Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .filter((address) => address.family === family);
  const same = addresses.find(({ cidr }) => cidr !== null && isInside(cidr, remote));
  return (same ?? addresses.find(({ internal }) => !internal) ?? addresses[0])?.address ?? boundTo;
}

function isInside(cidr: string, address: string): boolean {
  const [network = '', prefix = '32'] = cidr.split('/');
  const type = isIP(network) === 6 ? 'ipv6' : 'ipv4';
  const list = new BlockList();
  list.addSubnet(network, Number(prefix), type);
  return list.check(address, type);
}
