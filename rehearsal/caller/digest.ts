import { createHash, randomBytes } from 'node:crypto';
import { DigestAuthentication } from 'sip.js/lib/core/index.js';
import type { LoggerFactory, OutgoingRequestMessage } from 'sip.js/lib/core/index.js';

/** A challenge as SIP.js's grammar parses it; `qop` is a list. */
interface Challenge {
  readonly realm?: string;
  readonly nonce?: string;
  readonly opaque?: string;
  readonly algorithm?: string;
  readonly qop?: string | readonly string[];
}

const HASHES: Readonly<Record<string, string>> = { MD5: 'md5', 'SHA-256': 'sha256' };

/** SIP.js's digest knows MD5 only; this one also answers SHA-256 challenges (RFC 8760). */
export class Digest extends DigestAuthentication {
  readonly #username: string;
  readonly #password: string;
  readonly #makeCnonce: () => string;
  #header = '';
  #count = 0;

  /** @param makeCnonce - for the examples of RFC 7616, which fix it */
  constructor(
    loggerFactory: LoggerFactory,
    username: string,
    password: string,
    makeCnonce = (): string => randomBytes(12).toString('hex'),
  ) {
    super(loggerFactory, undefined, username, password);
    this.#makeCnonce = makeCnonce;
    this.#username = username;
    this.#password = password;
  }

  /** False when the challenge cannot be answered; RFC 7616 §3.4. */
  override authenticate(request: OutgoingRequestMessage, challenge: Challenge): boolean {
    const { realm, nonce, opaque } = challenge;
    const algorithm = challenge.algorithm ?? 'MD5';
    const hashName = HASHES[algorithm.toUpperCase()];
    if (!hashName || realm === undefined || nonce === undefined) return false;
    const hash = (text: string): string => createHash(hashName).update(text).digest('hex');
    this.#count += 1;
    const nc = this.#count.toString(16).padStart(8, '0');
    const cnonce = this.#makeCnonce();
    const uri = request.ruri.toString();
    const qop = challenge.qop?.includes('auth') ? 'auth' : undefined;
    const secret = hash(`${this.#username}:${realm}:${this.#password}`);
    const what = hash(`${request.method}:${uri}`);
    const response = qop
      ? hash(`${secret}:${nonce}:${nc}:${cnonce}:${qop}:${what}`)
      : hash(`${secret}:${nonce}:${what}`);
    const fields = [
      `username="${this.#username}"`,
      `realm="${realm}"`,
      `nonce="${nonce}"`,
      `uri="${uri}"`,
      `response="${response}"`,
      `algorithm=${algorithm}`,
      ...(opaque === undefined ? [] : [`opaque="${opaque}"`]),
      ...(qop ? [`qop=${qop}`, `nc=${nc}`, `cnonce="${cnonce}"`] : []),
    ];
    this.#header = `Digest ${fields.join(', ')}`;
    return true;
  }

  override toString(): string {
    return this.#header;
  }
}
