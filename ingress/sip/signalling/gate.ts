import type { RefusalCause } from '../../../calls/refusals.ts';
import { isEverybody, isLoopback } from '../../../config/addresses.ts';
import type { SipConfig } from '../../../config/config.ts';
import { AddressList } from './address-list.ts';
import type { Refusal } from './request.ts';
import { DigestAuthenticator } from './digest.ts';
import type { SipMessage } from './message.ts';
import { headerValue, headerValues } from './message.ts';
import { isScanner } from './scanners.ts';
import { TokenBuckets } from './token-bucket.ts';

const REALM = 'trunkline';
/** Calls begun by one address, once it has proved itself: a trunk sends all of its from one. */
const INVITE_BURST = 100;
const INVITES_PER_SECOND = 20;
/** Refusals of any kind to one address: this is not to be used to flood a forged one. */
const REFUSAL_BURST = 200;
const REFUSALS_PER_SECOND = 20;
/** What a trunk cannot do without: the answer to its OPTIONS, and the challenge to its INVITE. */
const NEEDED: readonly number[] = [200, 401];
/** Wrong passwords from one address, until it is not answered for a while. */
const WRONG_BURST = 10;
const WRONG_PER_SECOND = 1 / 30;

/** Drop: not answered, so that a scanner learns nothing. */
export type Decision = 'pass' | 'drop' | (Refusal & { readonly cause?: RefusalCause });

/**
 * Who may call (by source address and digest, never by a header), and how often. It stands before
 * new calls only: what belongs to one that is up goes by.
 *
 * Anybody can write another's address on a datagram, so nothing that is counted against an address
 * may be had that way where the trunk has a password: wrong ones count with a nonce that was
 * received there, calls count once the password was right, and OPTIONS and challenges are answered
 * without a limit as long as the answer is no longer than the question. What is left to a forger is work for
 * this process, and without a password the calls of an address that they know to be listed.
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
    const realm = trunk.realm ?? REALM;
    this.#digest = trunk.auth && new DigestAuthenticator({ ...trunk.auth, realm });
  }

  /** Whether the trunk's list names it; everybody is on a list that is empty. */
  isListed(address: string): boolean {
    return this.#addresses.isEmpty || this.#addresses.has(address);
  }

  /** For a request of no call yet: is its sender somebody to talk to at all? */
  screen(message: SipMessage, address: string): Decision {
    const agent = headerValue(message, 'user-agent') ?? headerValue(message, 'server');
    if (isScanner(agent) || !this.#wrong.has(address)) return 'drop';
    return this.isListed(address) ? 'pass' : { statusCode: 403, cause: 'address_not_allowed' };
  }

  /** For an INVITE that begins a call. */
  admit(message: SipMessage, address: string): Decision {
    const digest = this.#digest;
    if (digest) {
      const verdict = digest.verify(headerValues(message, 'authorization'), 'INVITE', address);
      if (verdict.kind === 'wrong') this.#wrong.take(address);
      if (verdict.kind !== 'accepted') {
        const stale = verdict.kind === 'challenge' && verdict.stale;
        return {
          statusCode: 401,
          extraHeaders: digest.challenge(address, stale),
          ...(verdict.kind === 'wrong' && { cause: 'wrong_password' }),
        };
      }
    }
    return this.#invites.take(address) ? 'pass' : 'drop';
  }

  /**
   * Whether one more answer may go to this address, forged as it may be.
   *
   * @param bytes of the request and of the answer to it
   */
  mayAnswer(
    address: string,
    statusCode: number,
    bytes: { readonly request: number; readonly answer: number },
  ): boolean {
    if (bytes.answer <= bytes.request && NEEDED.includes(statusCode)) return true;
    return this.#refusals.take(address);
  }
}
