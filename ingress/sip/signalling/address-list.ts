import { BlockList, isIP } from 'node:net';

/** Source addresses that may call: single ones and CIDR blocks, IPv4 and IPv6. */
export class AddressList {
  readonly #list = new BlockList();
  readonly isEmpty: boolean;

  /** @throws on what is neither an address nor a CIDR block */
  constructor(entries: readonly string[]) {
    this.isEmpty = entries.length === 0;
    for (const entry of entries) {
      const [network = '', prefix] = entry.split('/');
      const type = isIP(network) === 6 ? 'ipv6' : 'ipv4';
      if (prefix === undefined) this.#list.addAddress(network, type);
      else this.#list.addSubnet(network, Number(prefix), type);
    }
  }

  has(address: string): boolean {
    return this.#list.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');
  }
}
