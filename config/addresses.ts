import { BlockList, isIP } from 'node:net';

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

/**
 * Whether only this machine can reach what listens on a host: `localhost`, 127.0.0.0/8, ::1.
 *
 * @example isLoopback('127.0.0.2'); // true
 */
export function isLoopback(host: string): boolean {
  const bare = host.replace(/^\[(.*)\]$/, '$1').toLowerCase();
  if (bare === 'localhost') return true;
  const family = isIP(bare);
  return family !== 0 && loopback.check(bare, family === 6 ? 'ipv6' : 'ipv4');
}

/**
 * Whether a text is an IP address or a CIDR block.
 *
 * @example isAddressBlock('192.0.2.0/24'); // true
 */
export function isAddressBlock(text: string): boolean {
  const [address = '', prefix, ...rest] = text.split('/');
  const family = isIP(address);
  if (family === 0 || rest.length > 0) return false;
  if (prefix === undefined) return true;
  return /^\d{1,3}$/.test(prefix) && Number(prefix) <= (family === 6 ? 128 : 32);
}

/** Whether a block lets in everybody, and so is no allow-list: 0.0.0.0/0, ::/0. */
export function isEverybody(block: string): boolean {
  return block.endsWith('/0');
}

/**
 * How a listener is reached from its own machine, as it stands in a URL.
 *
 * @example reachableHost('0.0.0.0'); // '127.0.0.1'
 */
export function reachableHost(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return host.includes(':') ? `[${host}]` : host;
}

/**
 * Where what listens there is asked by HTTP, from its own machine.
 *
 * @example urlOf({ host: '0.0.0.0', port: 8080 }); // 'http://127.0.0.1:8080'
 */
export function urlOf({ host, port }: { readonly host: string; readonly port: number }): string {
  return `http://${reachableHost(host)}:${port}`;
}
