import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { readParameters, splitValue } from './header-value.ts';
import type { Parameters } from './header-value.ts';

/** How long a nonce may be used, ms: a client answers its challenge within seconds. */
const NONCE_LIFETIME_MS = 60_000;
/** Of a nonce, bytes: when it was made, its number, and our seal, which nobody can guess. */
const TIME_BYTES = 6;
const NUMBER_BYTES = 6;
const TEXT_BYTES = TIME_BYTES + NUMBER_BYTES;
const SEAL_BYTES = 16;

/**
 * MD5 first: sipp 3.6, and who else reads one challenge only, give up at a SHA-256 that comes first,
 * while those that know both look at all (RFC 8760 §2.4 would have it the other way round).
 */
const ALGORITHMS = [
  { name: 'MD5', hash: 'md5' },
  { name: 'SHA-256', hash: 'sha256' },
] as const;

export type Verdict =
  | { readonly kind: 'accepted' }
  /** No answer, or one to a nonce that is not, or no longer, this address's: challenge (again). */
  | { readonly kind: 'challenge'; readonly stale: boolean }
  /** Wrong name or password, from the very address that the nonce was sent to. */
  | { readonly kind: 'wrong' };

export interface DigestOptions {
  readonly username: string;
  readonly password: string;
  readonly realm: string;
  /** Monotonic clock, ms. */
  readonly now?: () => number;
}

/**
 * Digest authentication of the server side: RFC 3261 §22, RFC 7616, RFC 8760; MD5 and SHA-256.
 *
 * A nonce is sealed for the address it is sent to, and nothing is kept for it. So whoever answers
 * one has received it there: who writes another's address on their packets can neither guess a
 * password nor be counted in the other's name, and no flood drives out a nonce that is in use.
 */
export class DigestAuthenticator {
  readonly #options: DigestOptions;
  readonly #now: () => number;
  readonly #secret = randomBytes(32);
  #challenges = 0;
  /** The nonces that were answered rightly, with their highest counts: one answer is good for one call. */
  readonly #spent = new Map<string, { readonly expiresAt: number; count: number }>();

  constructor(options: DigestOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
  }

  /** The WWW-Authenticate header lines, one per algorithm, over one fresh nonce. */
  challenge(address: string, stale: boolean): string[] {
    const text = Buffer.alloc(TEXT_BYTES);
    text.writeUIntBE(Math.floor(this.#now()), 0, TIME_BYTES);
    text.writeUIntBE((this.#challenges += 1), TIME_BYTES, NUMBER_BYTES);
    const nonce = Buffer.concat([text, this.#seal(text, address)]).toString('base64url');
    return ALGORITHMS.map(
      ({ name }) =>
        `WWW-Authenticate: Digest realm="${this.#options.realm}", nonce="${nonce}", ` +
        `algorithm=${name}, qop="auth"${stale ? ', stale=true' : ''}`,
    );
  }

  /**
   * @param authorizations values of the request's Authorization headers
   * @param address where the request came from
   */
  verify(authorizations: readonly string[], method: string, address: string): Verdict {
    const answers = authorizations.map(parseDigest).filter((answer) => answer !== undefined);
    const answer = answers.find((answer) => answer.get('realm') === this.#options.realm);
    if (!answer) return { kind: 'challenge', stale: false };
    const expiresAt = this.#expiry(answer.get('nonce') ?? '', address);
    // The answer is not even looked at, so that `stale` says nothing of the password.
    if (expiresAt === undefined) return { kind: 'challenge', stale: true };
    if (!this.#isRight(answer, method)) return { kind: 'wrong' };
    return this.#spend(answer, expiresAt)
      ? { kind: 'accepted' }
      : { kind: 'challenge', stale: true };
  }

  /** Undefined: not made here, not for this address, or too long ago. */
  #expiry(nonce: string, address: string): number | undefined {
    const raw = Buffer.from(nonce, 'base64url');
    if (raw.length !== TEXT_BYTES + SEAL_BYTES) return undefined;
    const seal = this.#seal(raw.subarray(0, TEXT_BYTES), address);
    if (!timingSafeEqual(raw.subarray(TEXT_BYTES), seal)) return undefined;
    const expiresAt = raw.readUIntBE(0, TIME_BYTES) + NONCE_LIFETIME_MS;
    return expiresAt < this.#now() ? undefined : expiresAt;
  }

  #seal(text: Buffer, address: string): Buffer {
    const seal = createHmac('sha256', this.#secret).update(text).update(address).digest();
    return seal.subarray(0, SEAL_BYTES);
  }

  #isRight(answer: Parameters, method: string): boolean {
    const expected = digestResponse(this.#options, method, answer);
    if (expected === undefined) return false;
    // Both are compared whole, so that neither's truth can be measured.
    const right = isSame(answer.get('response') ?? '', expected);
    return isSame(answer.get('username') ?? '', asBytes(this.#options.username)) && right;
  }

  /** False when the nonce was used with this count before. */
  #spend(answer: Parameters, expiresAt: number): boolean {
    const now = this.#now();
    for (const [nonce, { expiresAt }] of this.#spent) {
      if (expiresAt >= now) break;
      this.#spent.delete(nonce);
    }
    const nonce = answer.get('nonce') ?? '';
    // Without a count (RFC 2069 clients) nothing tells a replay: once only.
    const given = Number.parseInt(answer.get('nc') ?? '', 16);
    const count = Number.isInteger(given) ? given : Infinity;
    const spent = this.#spent.get(nonce);
    if (spent === undefined) {
      this.#spent.set(nonce, { expiresAt, count });
      return true;
    }
    if (count <= spent.count) return false;
    spent.count = count;
    return true;
  }
}

/**
 * What belongs into `response` beside the other fields of an answer (RFC 7616 §3.4.1); undefined for
 * an algorithm or a `qop` that is not done here.
 */
export function digestResponse(
  { username, realm, password }: Pick<DigestOptions, 'username' | 'realm' | 'password'>,
  method: string,
  answer: Parameters,
): string | undefined {
  const named = answer.get('algorithm') ?? 'MD5';
  const algorithm = ALGORITHMS.find(({ name }) => name === named.toUpperCase());
  const qop = answer.get('qop');
  if (!algorithm || (qop !== undefined && qop !== 'auth')) return undefined;
  const digest = (text: string): string =>
    createHash(algorithm.hash).update(text, 'latin1').digest('hex');
  const ha1 = digest(`${asBytes(username)}:${asBytes(realm)}:${asBytes(password)}`);
  const ha2 = digest(`${method}:${answer.get('uri') ?? ''}`);
  const middle = qop ? [answer.get('nc') ?? '', answer.get('cnonce') ?? '', qop] : [];
  return digest([ha1, answer.get('nonce') ?? '', ...middle, ha2].join(':'));
}

/** As messages are read: one character per byte. */
function asBytes(text: string): string {
  return Buffer.from(text).toString('latin1');
}

function isSame(given: string, expected: string): boolean {
  const [a, b] = [given, expected].map((text) => createHash('sha256').update(text).digest());
  return a !== undefined && b !== undefined && timingSafeEqual(a, b);
}

/** `Digest a="b", c=d` by its names; undefined for another scheme. */
export function parseDigest(value: string): Parameters | undefined {
  if (!/^digest\s/i.test(value)) return undefined;
  const parts = splitValue(value.slice(7), ',');
  return parts && readParameters(parts);
}
