import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { join } from 'node:path';
import { ulid } from 'ulid';
import type { ApiKeyStore } from './api-key-store.ts';
import type { Scope } from './store-schema.ts';
import { SCOPES } from './store-schema.ts';
import { ensureSecretFile } from '../config/local-secret.ts';

/** 256 bits: nobody guesses it, so its digest needs no slow hash such as bcrypt's. */
const KEY_BYTES = 32;
/** `lastUsedAt` is written this often at most, ms. */
const TOUCH_EVERY_MS = 60_000;

/** Who asks. */
export interface Principal {
  /** The key's id; `env_…` for a key of the configuration. */
  readonly id: string;
  readonly scope: Scope;
}

export interface ApiKeys {
  /** Undefined when it is no key of ours. */
  principalOf(key: string): Promise<Principal | undefined>;
  /** The same principal, with what its key may do now; undefined when the key is gone. */
  current(principal: Principal): Promise<Principal | undefined>;
}

/**
 * The API key of this installation, in `<dataDir>/api-key`.
 * Throws the file system's error when there is none and the folder cannot be written.
 */
export function ensureApiKey(dataDir: string): string {
  return ensureSecretFile(
    join(dataDir, 'api-key'),
    () => `tl_${randomBytes(KEY_BYTES).toString('base64url')}`,
  );
}

/** A new key for `POST /v1/keys`: `text` is shown once, `digest` is what is kept. */
export function newApiKey(): {
  readonly id: string;
  readonly text: string;
  readonly digest: string;
} {
  const name = ulid();
  const text = `tl_${name}_${randomBytes(KEY_BYTES).toString('base64url')}`;
  return { id: `key_${name}`, text, digest: digest(text).toString('hex') };
}

/**
 * Knows keys by their SHA-256, and takes as long for a wrong key as for a right one.
 *
 * @param configured keys of the configuration, admin unless `read:` or `operate:` stands before;
 * throws when there are none, or an empty one
 */
export function createApiKeys(
  configured: readonly string[],
  store: Pick<ApiKeyStore, 'find' | 'touch'>,
  now: () => number = Date.now,
): ApiKeys {
  const known = configured.map(parseConfigured);
  if (known.length === 0) throw new Error('there is no API key');
  const touched = new Map<string, number>();

  async function principalOf(presented: string): Promise<Principal | undefined> {
    const actual = digest(presented);
    // All of them, always: the time must not tell which key came close.
    const [first] = known.filter((key) => timingSafeEqual(key.digest, actual));
    if (first !== undefined) return first.principal;

    const name = /^tl_([0-9A-HJKMNP-TV-Z]{26})_/.exec(presented)?.[1];
    if (name === undefined) return undefined;
    const found = await store.find(`key_${name}`);
    if (found === undefined) return undefined;
    if (!timingSafeEqual(Buffer.from(found.digest, 'hex'), actual)) return undefined;
    const { id, scope } = found.key;
    const at = now();
    if (at - (touched.get(id) ?? 0) >= TOUCH_EVERY_MS) {
      touched.set(id, at);
      // Coarse on purpose; a key works although it cannot be written that it was used.
      void store.touch(id, new Date(at).toISOString()).catch(() => touched.delete(id));
    }
    return { id, scope };
  }

  return {
    principalOf,
    async current({ id }) {
      const configured = known.find(({ principal }) => principal.id === id)?.principal;
      if (configured !== undefined) return configured;
      const scope = (await store.find(id))?.key.scope;
      return scope && { id, scope };
    },
  };
}

function parseConfigured(text: string) {
  const [, prefix, key = ''] = /^(?:(read|operate|admin):)?(.*)$/s.exec(text) ?? [];
  if (key === '') throw new Error('an API key is empty');
  const scope = SCOPES.find((scope) => scope === prefix) ?? 'admin';
  const hash = digest(key);
  const principal: Principal = { id: `env_${hash.toString('hex').slice(0, 8)}`, scope };
  return { digest: hash, principal };
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
