import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { DigestAuthenticator, parseDigest } from './digest.ts';

const HERE = '192.0.2.1';
const credentials = { username: 'trunk', password: 'sécret', realm: 'r' };

interface Answer {
  readonly algorithm?: 'MD5' | 'SHA-256';
  readonly nc?: string;
  readonly password?: string;
  readonly qop?: boolean;
}

function hash(algorithm: string, text: string): string {
  return createHash(algorithm === 'MD5' ? 'md5' : 'sha256')
    .update(text)
    .digest('hex');
}

function nonceOf(challenge: readonly string[]): string {
  return /nonce="([^"]+)"/.exec(challenge[0] ?? '')?.[1] ?? '';
}

/** What a client makes of a challenge (RFC 7616 §3.4). */
function answerTo(nonce: string, answer: Answer = {}): string {
  const { algorithm = 'SHA-256', nc = '00000001', password = credentials.password } = answer;
  const uri = 'sip:+15550100@127.0.0.1';
  const ha1 = hash(algorithm, `${credentials.username}:r:${password}`);
  const ha2 = hash(algorithm, `INVITE:${uri}`);
  const withQop = answer.qop ?? true;
  const middle = withQop ? `${nonce}:${nc}:abc:auth` : nonce;
  const response = hash(algorithm, `${ha1}:${middle}:${ha2}`);
  return (
    `Digest username="${credentials.username}", realm="r", nonce="${nonce}", uri="${uri}", ` +
    `response="${response}", algorithm=${algorithm}` +
    (withQop ? `, qop=auth, nc=${nc}, cnonce="abc"` : '')
  );
}

describe('DigestAuthenticator', () => {
  it('offers MD5 and SHA-256, over a nonce that is new each time', () => {
    const digest = new DigestAuthenticator(credentials);
    const [first, second] = [digest.challenge(HERE, false), digest.challenge(HERE, false)];
    expect(first.map((line) => /algorithm=([\w-]+)/.exec(line)?.[1])).toEqual(['MD5', 'SHA-256']);
    expect(nonceOf(first)).not.toBe(nonceOf(second));
    expect(first.join()).not.toContain('stale');
    expect(digest.challenge(HERE, true)[0]).toContain('stale=true');
  });

  it.each(['MD5', 'SHA-256'] as const)('takes the right answer in %s', (algorithm) => {
    const digest = new DigestAuthenticator(credentials);
    const nonce = nonceOf(digest.challenge(HERE, false));
    expect(digest.verify([answerTo(nonce, { algorithm })], 'INVITE', HERE)).toEqual({
      kind: 'accepted',
    });
  });

  it('takes a client that knows no qop, once', () => {
    const digest = new DigestAuthenticator(credentials);
    const answer = answerTo(nonceOf(digest.challenge(HERE, false)), {
      qop: false,
      algorithm: 'MD5',
    });
    expect(digest.verify([answer], 'INVITE', HERE).kind).toBe('accepted');
    expect(digest.verify([answer], 'INVITE', HERE)).toEqual({ kind: 'challenge', stale: true });
  });

  it('refuses a wrong password, another method and another algorithm', () => {
    const digest = new DigestAuthenticator(credentials);
    const nonce = nonceOf(digest.challenge(HERE, false));
    expect(digest.verify([answerTo(nonce, { password: 'x' })], 'INVITE', HERE).kind).toBe('wrong');
    expect(digest.verify([answerTo(nonce)], 'BYE', HERE).kind).toBe('wrong');
    const sha1 = answerTo(nonce).replace('SHA-256', 'SHA-1');
    expect(digest.verify([sha1], 'INVITE', HERE).kind).toBe('wrong');
  });

  it('takes a count once, and a higher one again', () => {
    const digest = new DigestAuthenticator(credentials);
    const nonce = nonceOf(digest.challenge(HERE, false));
    expect(digest.verify([answerTo(nonce)], 'INVITE', HERE).kind).toBe('accepted');
    expect(digest.verify([answerTo(nonce)], 'INVITE', HERE)).toEqual({
      kind: 'challenge',
      stale: true,
    });
    expect(digest.verify([answerTo(nonce, { nc: '00000002' })], 'INVITE', HERE).kind).toBe(
      'accepted',
    );
  });

  it('challenges again, and looks at no answer, where the nonce has expired or is not its own', () => {
    let now = 0;
    const digest = new DigestAuthenticator({ ...credentials, now: () => now });
    const nonce = nonceOf(digest.challenge(HERE, false));
    const elsewhere = nonceOf(digest.challenge('192.0.2.2', false));
    const again = { kind: 'challenge', stale: true };
    for (const made of ['mine', elsewhere, `${nonce.slice(0, -4)}AAAA`, '']) {
      for (const password of [credentials.password, 'guess']) {
        expect(digest.verify([answerTo(made, { password })], 'INVITE', HERE)).toEqual(again);
      }
    }
    now = 61_000;
    for (const password of [credentials.password, 'guess']) {
      expect(digest.verify([answerTo(nonce, { password })], 'INVITE', HERE)).toEqual(again);
    }
  });

  it('takes a nonce however many others were given out since', () => {
    const digest = new DigestAuthenticator(credentials);
    const nonce = nonceOf(digest.challenge(HERE, false));
    for (let others = 0; others < 10_001; others += 1) digest.challenge(HERE, false);
    expect(digest.verify([answerTo(nonce)], 'INVITE', HERE).kind).toBe('accepted');
  });

  it('challenges who says nothing, and who answers somebody else', () => {
    const digest = new DigestAuthenticator(credentials);
    expect(digest.verify([], 'INVITE', HERE)).toEqual({ kind: 'challenge', stale: false });
    expect(digest.verify(['Basic eDp5'], 'INVITE', HERE)).toEqual({
      kind: 'challenge',
      stale: false,
    });
    const other = answerTo('n').replace('realm="r"', 'realm="other"');
    expect(digest.verify([other], 'INVITE', HERE)).toEqual({ kind: 'challenge', stale: false });
  });
});

describe('parseDigest', () => {
  it('reads quoted and plain values, escapes included', () => {
    const parsed = parseDigest('DIGEST Username="a\\"b", nc=00000001 , qop = auth,uri="sip:a,b@c"');
    expect(parsed && Object.fromEntries(parsed)).toEqual({
      username: 'a"b',
      nc: '00000001',
      qop: 'auth',
      uri: 'sip:a,b@c',
    });
  });
});
