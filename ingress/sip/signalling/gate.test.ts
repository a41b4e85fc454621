import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { Trunk } from '../../../config/config.ts';
import { Gate } from './gate.ts';
import type { Decision } from './gate.ts';
import { readMessage } from './message.ts';
import type { SipMessage } from './message.ts';
import { TokenBuckets } from './token-bucket.ts';

function gate(host: string, trunk: Partial<Trunk> = {}): Gate {
  return new Gate({ host, trunk: { auth: undefined, allowedAddresses: [], ...trunk } as Trunk });
}

function invite(...lines: string[]): SipMessage {
  const text = ['INVITE sip:1@a SIP/2.0', ...lines, '', ''].join('\r\n');
  const message = readMessage(Buffer.from(text));
  if (!message) throw new Error('no message');
  return message;
}

const md5 = (text: string): string => createHash('md5').update(text).digest('hex');

/** The INVITE again, by a client that was challenged. */
function answer(challenge: Decision, password: string): SipMessage {
  const [line = ''] = typeof challenge === 'string' ? [] : (challenge.extraHeaders ?? []);
  const nonce = /nonce="([^"]+)"/.exec(line)?.[1] ?? '';
  const response = md5(`${md5(`u:trunkline:${password}`)}:${nonce}:${md5('INVITE:sip:1@a')}`);
  return invite(
    `Authorization: Digest username="u", realm="trunkline", nonce="${nonce}", uri="sip:1@a", response="${response}"`,
  );
}

describe('who may call', () => {
  const auth = { username: 'u', password: 'p' };
  it('is anybody on loopback', () => {
    expect(gate('127.0.0.1').screen(invite(), '127.0.0.1')).toBe('pass');
  });

  it.each(['0.0.0.0', '192.0.2.1', '::'])('is nobody on %s without digest or a list', (host) => {
    expect(() => gate(host)).toThrow(/allowed_addresses/);
    expect(() => gate(host, { allowedAddresses: ['0.0.0.0/0'] })).toThrow(/allowed_addresses/);
    expect(() => gate(host, { auth })).not.toThrow();
    expect(() => gate(host, { allowedAddresses: ['192.0.2.0/24'] })).not.toThrow();
  });

  it('is decided by the source address, whatever the headers say', () => {
    const listed = gate('0.0.0.0', { allowedAddresses: ['192.0.2.0/24', '2001:db8::/32'] });
    expect(listed.screen(invite(), '192.0.2.77')).toBe('pass');
    expect(listed.screen(invite(), '2001:db8::5')).toBe('pass');
    const forged = invite('Via: SIP/2.0/UDP 192.0.2.1', 'X-Real-IP: 192.0.2.1');
    expect(listed.screen(forged, '198.51.100.1')).toEqual({
      statusCode: 403,
      cause: 'address_not_allowed',
    });
  });

  it('is no scanner', () => {
    const open = gate('127.0.0.1');
    expect(open.screen(invite('User-Agent: friendly-scanner'), '127.0.0.1')).toBe('drop');
    expect(open.screen(invite('User-Agent: Zadarma Voip'), '127.0.0.1')).toBe('pass');
  });

  it('is not who guesses passwords', () => {
    const guarded = gate('0.0.0.0', { auth });
    for (let guesses = 0; guesses < 10; guesses += 1) {
      const guess = answer(guarded.admit(invite(), '192.0.2.1'), 'guess');
      expect(guarded.screen(guess, '192.0.2.1')).toBe('pass');
      expect(guarded.admit(guess, '192.0.2.1')).toMatchObject({ statusCode: 401 });
    }
    expect(guarded.screen(invite(), '192.0.2.1')).toBe('drop');
    expect(guarded.screen(invite(), '192.0.2.2')).toBe('pass');
  });

  it('stays whom others pretend to be', () => {
    const guarded = gate('0.0.0.0', { auth });
    const theirs = answer(guarded.admit(invite(), '192.0.2.66'), 'guess');
    const madeUp = invite('Authorization: Digest realm="trunkline", nonce="x", response="y"');
    for (const forged of [invite(), madeUp, theirs]) {
      for (let count = 0; count < 300; count += 1) {
        expect(guarded.admit(forged, '192.0.2.1')).toMatchObject({ statusCode: 401 });
      }
    }
    const asked = guarded.admit(invite(), '192.0.2.1');
    expect(guarded.screen(invite(), '192.0.2.1')).toBe('pass');
    expect(guarded.admit(answer(asked, 'p'), '192.0.2.1')).toBe('pass');
  });

  it("is challenged in the trunk's own realm", () => {
    const asked = gate('0.0.0.0', { auth, realm: 'carrier' }).admit(invite(), '192.0.2.1');
    expect(asked).toMatchObject({
      statusCode: 401,
      extraHeaders: [expect.stringContaining('realm="carrier"'), expect.anything()],
    });
  });

  it('is challenged without a limit, but by no more bytes than were sent', () => {
    const guarded = gate('0.0.0.0', { auth });
    const ask = (statusCode: number, answer: number) =>
      guarded.mayAnswer('192.0.2.1', statusCode, { request: 600, answer });
    for (let count = 0; count < 200; count += 1) expect(ask(403, 400)).toBe(true);
    expect(ask(403, 400)).toBe(false);
    expect(ask(401, 601)).toBe(false);
    expect(ask(401, 600)).toBe(true);
  });

  it('is not who sends more INVITEs than a trunk has calls', () => {
    const open = gate('127.0.0.1');
    const decisions = Array.from({ length: 101 }, () => open.admit(invite(), '192.0.2.1'));
    expect(decisions.at(0)).toBe('pass');
    expect(decisions.at(-1)).toBe('drop');
    expect(open.admit(invite(), '192.0.2.2')).toBe('pass');
  });
});

describe('TokenBuckets', () => {
  it('fills again with time, up to the burst', () => {
    let now = 0;
    const buckets = new TokenBuckets(2, 1, () => now);
    const take = (): boolean => buckets.take('a');
    expect([take(), take(), take()]).toEqual([true, true, false]);
    now = 1_000;
    expect([take(), take()]).toEqual([true, false]);
    now = 60_000;
    expect([take(), take(), take()]).toEqual([true, true, false]);
  });

  it('does not forget one because others were asked about', () => {
    const buckets = new TokenBuckets(1, 0);
    buckets.take('a');
    for (let key = 0; key < 20_000; key += 1) buckets.has(`${key}`);
    expect(buckets.has('a')).toBe(false);
  });
});
