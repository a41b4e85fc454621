import { randomBytes } from 'node:crypto';
import { DigestAuthentication } from 'sip.js/lib/core/index.js';
import type { LoggerFactory, OutgoingRequestMessage } from 'sip.js/lib/core/index.js';
import { digestResponse } from '../../ingress/sip/signalling/digest.ts';

/** A challenge as SIP.js's grammar parses it; `qop` is a list. */
interface Challenge {
  readonly realm?: string;
  readonly nonce?: string;
  readonly opaque?: string;
  readonly algorithm?: string;
  readonly qop?: string | readonly string[];
}

/** Fields of an answer that are no quoted string (RFC 7616 §3.4). */
const BARE = ['algorithm', 'qop', 'nc'];

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
    const { realm, nonce, opaque, algorithm = 'MD5' } = challenge;
    if (realm === undefined || nonce === undefined) return false;
    const username = this.#username;
    this.#count += 1;
    const nc = this.#count.toString(16).padStart(8, '0');
    const fields = {
      username,
      realm,
      nonce,
      uri: request.ruri.toString(),
      algorithm,
      ...(opaque !== undefined && { opaque }),
      ...(challenge.qop?.includes('auth') && { qop: 'auth', nc, cnonce: this.#makeCnonce() }),
    };
    const answer = new Map(Object.entries(fields));
    const credentials = { username, realm, password: this.#password };
    const response = digestResponse(credentials, request.method, answer);
    if (response === undefined) return false;
    const list = [...answer.set('response', response)].map(([name, value]) =>
      BARE.includes(name) ? `${name}=${value}` : `${name}="${value}"`,
    );
    this.#header = `Digest ${list.join(', ')}`;
    return true;
  }

  override toString(): string {
    return this.#header;
  }
}
