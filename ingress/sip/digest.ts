import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

/** How long a nonce may be used, ms: a client answers its challenge within seconds. */
const NONCE_LIFETIME_MS = 60_000;
/** Challenges that wait for an answer; the eldest go first when somebody only asks. */
const MAX_NONCES = 10_000;

/**
 * MD5 first: sipp 3.6, and who else reads one challenge only, give up at a SHA-256 that comes first,
 * while those that know both look at all (RFC 8760 §2.4 would have it the other way round).
 */
const ALGORITHMS = [
  { name: 'MD5', hash: 'md5' },
  { name: 'SHA-256', hash: 'sha256' },
] as const;

interface Nonce {
  readonly expiresAt: number;
  /** Highest nonce count seen: one answer is good for one request. */
  count: number;
}

export type Verdict =
  | { readonly kind: 'accepted' }
  /** No answer, or one to a nonce that is not, or no longer, ours: challenge (again). */
  | { readonly kind: 'challenge'; readonly stale: boolean }
  /** Wrong name or password. */
  | { readonly kind: 'wrong' };

export interface DigestOptions {
  readonly username: string;
  readonly password: string;
  readonly realm: string;
  /** Monotonic clock, ms. */
  readonly now?: () => number;
}

/** Digest authentication of the server side: RFC 3261 §22, RFC 7616, RFC 8760; MD5 and SHA-256. */
export class DigestAuthenticator {
  readonly #options: DigestOptions;
  readonly #now: () => number;
  readonly #nonces = new Map<string, Nonce>();

  constructor(options: DigestOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
  }

  /** The WWW-Authenticate header lines, one per algorithm, over one fresh nonce. */
  challenge(stale: boolean): string[] {
    const nonce = randomBytes(18).toString('base64url');
    this.#nonces.set(nonce, { expiresAt: this.#now() + NONCE_LIFETIME_MS, count: 0 });
    if (this.#nonces.size > MAX_NONCES) this.#nonces.delete(this.#nonces.keys().next().value ?? '');
    return ALGORITHMS.map(
      ({ name }) =>
        `WWW-Authenticate: Digest realm="${this.#options.realm}", nonce="${nonce}", ` +
        `algorithm=${name}, qop="auth"${stale ? ', stale=true' : ''}`,
    );
  }

  /** @param authorizations values of the request's Authorization headers */
  verify(authorizations: readonly string[], method: string): Verdict {
    const answers = authorizations.map(parseDigest).filter((answer) => answer !== undefined);
    const answer = answers.find((answer) => answer.get('realm') === this.#options.realm);
    if (!answer) return { kind: 'challenge', stale: false };
    if (!this.#isRight(answer, method)) return { kind: 'wrong' };
    return this.#spend(answer) ? { kind: 'accepted' } : { kind: 'challenge', stale: true };
  }

  #isRight(answer: ReadonlyMap<string, string>, method: string): boolean {
    const named = answer.get('algorithm') ?? 'MD5';
    const algorithm = ALGORITHMS.find(({ name }) => name === named.toUpperCase());
    if (!algorithm) return false;
    const digest = (text: string): string =>
      createHash(algorithm.hash).update(text, 'latin1').digest('hex');
    const { username, realm, password } = this.#options;
    const ha1 = digest(`${asBytes(username)}:${asBytes(realm)}:${asBytes(password)}`);
    const ha2 = digest(`${method}:${answer.get('uri') ?? ''}`);
    const nonce = answer.get('nonce') ?? '';
    const qop = answer.get('qop');
    if (qop !== undefined && qop !== 'auth') return false;
    const middle = qop ? [answer.get('nc') ?? '', answer.get('cnonce') ?? '', qop] : [];
    const expected = digest([ha1, nonce, ...middle, ha2].join(':'));
    // Both are compared whole, so that neither's truth can be measured.
    const right = isSame(answer.get('response') ?? '', expected);
    return isSame(answer.get('username') ?? '', asBytes(username)) && right;
  }

  /** False when the nonce is not ours, has expired or was used with this count before. */
  #spend(answer: ReadonlyMap<string, string>): boolean {
    const key = answer.get('nonce') ?? '';
    const nonce = this.#nonces.get(key);
    if (!nonce) return false;
    if (nonce.expiresAt < this.#now()) {
      this.#nonces.delete(key);
      return false;
    }
    const count = Number.parseInt(answer.get('nc') ?? '', 16);
    // Without a count (RFC 2069 clients) nothing tells a replay: once only.
    if (!Number.isInteger(count)) return this.#nonces.delete(key);
    if (count <= nonce.count) return false;
    nonce.count = count;
    return true;
  }
}

/** As messages are read: one character per byte. */
function asBytes(text: string): string {
  return Buffer.from(text).toString('latin1');
}

function isSame(given: string, expected: string): boolean {
  const [a, b] = [given, expected].map((text) => createHash('sha256').update(text).digest());
  return a !== undefined && b !== undefined && timingSafeEqual(a, b);
}

/** `Digest a="b", c=d` as a map with lower-case names; undefined for another scheme. */
export function parseDigest(value: string): Map<string, string> | undefined {
  if (!/^digest\s/i.test(value)) return undefined;
  const parameters = new Map<string, string>();
  for (const match of value
    .slice(7)
    .matchAll(/([\w-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,]+))/g)) {
    const [, name = '', quoted, plain] = match;
    parameters.set(name.toLowerCase(), quoted?.replaceAll(/\\(.)/g, '$1') ?? plain ?? '');
  }
  return parameters;
}
