import { isEverybody, isLoopback } from '../../config/addresses.ts';
import type { SipConfig } from '../../config/config.ts';
import { AddressList } from './address-list.ts';
import type { Refusal } from './check-request.ts';
import { DigestAuthenticator } from './digest.ts';
import type { SipMessage } from './message.ts';
import { headerValue, headerValues } from './message.ts';
import { isScanner } from './scanners.ts';
import { TokenBuckets } from './token-bucket.ts';

const REALM = 'trunkline';
/** New INVITEs from one address: a trunk sends all its calls from one, each twice for digest. */
const INVITE_BURST = 100;
const INVITES_PER_SECOND = 20;
/** Refusals of any kind to one address: this is not to be used to flood a forged one. */
const REFUSAL_BURST = 200;
const REFUSALS_PER_SECOND = 20;
/** Wrong passwords from one address, until it is not answered for a while. */
const WRONG_BURST = 10;
const WRONG_PER_SECOND = 1 / 30;

/** Drop: not answered, so that a scanner learns nothing. */
export type Decision = 'pass' | 'drop' | Refusal;

/**
 * Who may call (by source address and digest, never by a header), and how often.
 *
 * @throws when anybody on a network could call: neither loopback, nor digest, nor an allow-list
 */
export class Gate {
  readonly #addresses: AddressList;
  readonly #digest: DigestAuthenticator | undefined;
  readonly #invites = new TokenBuckets(INVITE_BURST, INVITES_PER_SECOND);
  readonly #refusals = new TokenBuckets(REFUSAL_BURST, REFUSALS_PER_SECOND);
  readonly #wrong = new TokenBuckets(WRONG_BURST, WRONG_PER_SECOND);

  constructor({ host, trunk }: Pick<SipConfig, 'host' | 'trunk'>) {
    // An empty list lets everybody in, and so does 0.0.0.0/0.
    const listed = trunk.allowedAddresses.some((entry) => isEverybody(entry))
      ? []
      : trunk.allowedAddresses;
    if (!isLoopback(host) && !trunk.auth && listed.length === 0) {
      throw new Error(
        `The SIP endpoint would take calls from anybody on ${host}: give the trunk "auth_username" ` +
          'and "auth_password", or "allowed_addresses", or bind it to 127.0.0.1.',
      );
    }
    this.#addresses = new AddressList(listed);
    this.#digest = trunk.auth && new DigestAuthenticator({ ...trunk.auth, realm: REALM });
  }

  /** For every request: is its sender somebody to talk to at all? */
  screen(message: SipMessage, address: string): Decision {
    const agent = headerValue(message, 'user-agent') ?? headerValue(message, 'server');
    if (isScanner(agent) || !this.#wrong.has(address)) return 'drop';
    return this.#addresses.isEmpty || this.#addresses.has(address) ? 'pass' : { statusCode: 403 };
  }

  /** For an INVITE that begins a call. */
  admit(message: SipMessage, address: string): Decision {
    if (!this.#invites.take(address)) return 'drop';
    if (!this.#digest) return 'pass';
    const verdict = this.#digest.verify(headerValues(message, 'authorization'), 'INVITE');
    switch (verdict.kind) {
      case 'accepted':
        return 'pass';
      case 'challenge':
        return { statusCode: 401, extraHeaders: this.#digest.challenge(verdict.stale) };
      case 'wrong':
        this.#wrong.take(address);
        return { statusCode: 401, extraHeaders: this.#digest.challenge(false) };
      default:
        return verdict satisfies never;
    }
  }

  /** Whether one more refusal may go to this address. */
  mayRefuse(address: string): boolean {
    return this.#refusals.take(address);
  }
}
