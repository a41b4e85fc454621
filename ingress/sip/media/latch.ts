import { BlockList, isIP, isIPv6 } from 'node:net';

export interface RtpAddress {
  readonly address: string;
  readonly port: number;
}

/** Packets from one source after which it is kept: a second at 20 ms. */
const LOCK_AFTER = 50;
/** A kept source that is silent for this long may be replaced, ms. */
const SILENT = 1_000;

/** How well a source fits what signalling said, best first. */
const SDP_EXACTLY = 0;
const SDP_ADDRESS = 1;
const SIGNALLING_ADDRESS = 2;
const ANY = 3;
const NOT_ALLOWED = 4;

const unroutable = new BlockList();
for (const [net, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
] as const) {
  unroutable.addSubnet(net, prefix, 'ipv4');
}
unroutable.addAddress('::', 'ipv6');
unroutable.addAddress('::1', 'ipv6');
unroutable.addSubnet('fc00::', 7, 'ipv6');
unroutable.addSubnet('fe80::', 10, 'ipv6');

function isUnroutable(address: string): boolean {
  return isIP(address) === 0 || unroutable.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
}

function plain(address: string): string {
  return address.startsWith('::ffff:') ? address.slice('::ffff:'.length) : address;
}

/**
 * Where the far end's media comes from and goes to (symmetric RTP, RFC 4961; the guard is RFC 7362
 * §5's). Sources are ranked: the SDP's address and port, the SDP's address, the address the INVITE
 * came from; any other only when the SDP names an address that means nothing outside the caller's
 * own network while the INVITE came from the outside. A better source replaces a worse one for the
 * first second; after that only one that signalling vouches for may, and only once the kept source
 * has fallen silent: so nobody takes over a call by sending to its port.
 */
export class Latch {
  readonly #signallingAddress: string;
  #sdp: RtpAddress;
  #source: (RtpAddress & { rank: number; lastSeen: number }) | undefined;
  #packets = 0;

  constructor(sdp: RtpAddress, signallingAddress: string) {
    this.#sdp = sdp;
    this.#signallingAddress = plain(signallingAddress);
  }

  /** Where to send; undefined while the far end wants nothing (RFC 3264 §8.4's 0.0.0.0). */
  get target(): RtpAddress | undefined {
    if (this.#source !== undefined) return this.#source;
    const { address, port } = this.#sdp;
    if (port === 0 || address === '0.0.0.0' || address === '::') return undefined;
    // Behind a NAT the SDP names the inside; the best guess at the outside is where the INVITE
    // came from.
    return { address: this.#behindNat() ? this.#signallingAddress : address, port };
  }

  /** A re-INVITE named another address: begin anew. */
  move(sdp: RtpAddress): void {
    if (sdp.address === this.#sdp.address && sdp.port === this.#sdp.port) return;
    this.#sdp = sdp;
    this.#source = undefined;
    this.#packets = 0;
  }

  /**
   * Whether a packet from this source is taken. Call it with what is otherwise valid RTP only: it
   * decides where audio is sent. @param now - ms, monotonic.
   */
  accept(address: string, port: number, now: number): boolean {
    const from = plain(address);
    const source = this.#source;
    if (source !== undefined && source.address === from && source.port === port) {
      source.lastSeen = now;
      this.#packets++;
      return true;
    }
    const rank = this.#rank(from, port);
    if (rank === NOT_ALLOWED) return false;
    if (source !== undefined) {
      const silent = now - source.lastSeen > SILENT;
      const locked = this.#packets >= LOCK_AFTER;
      if (locked ? !silent || rank === ANY : rank >= source.rank && !silent) return false;
    }
    this.#source = { address: from, port, rank, lastSeen: now };
    this.#packets = 1;
    return true;
  }

  #rank(address: string, port: number): number {
    if (address === this.#sdp.address) return port === this.#sdp.port ? SDP_EXACTLY : SDP_ADDRESS;
    if (address === this.#signallingAddress) return SIGNALLING_ADDRESS;
    return this.#behindNat() ? ANY : NOT_ALLOWED;
  }

  #behindNat(): boolean {
    return isUnroutable(this.#sdp.address) && !isUnroutable(this.#signallingAddress);
  }
}
