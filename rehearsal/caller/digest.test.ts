import { LoggerFactory } from 'sip.js/lib/core/index.js';
import type { OutgoingRequestMessage } from 'sip.js/lib/core/index.js';
import { expect, test } from 'vitest';
import { Digest } from './digest.ts';

const request = {
  method: 'GET',
  ruri: { toString: () => '/dir/index.html' },
} as unknown as OutgoingRequestMessage;

/** RFC 7616 §3.9.1 */
const challenge = {
  realm: 'http-auth@example.org',
  nonce: '7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v',
  opaque: 'FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS',
  qop: ['auth', 'auth-int'],
};
const cnonce = (): string => 'f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ';

test.each([
  ['MD5', '8ca523f5e9506fed4657c9700eebdbec'],
  ['SHA-256', '753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1'],
])('answers the %s challenge of RFC 7616', (algorithm, response) => {
  const digest = new Digest(new LoggerFactory(), 'Mufasa', 'Circle of Life', cnonce);
  expect(digest.authenticate(request, { ...challenge, algorithm })).toBe(true);
  expect(digest.toString()).toContain(`response="${response}"`);
  expect(digest.toString()).toContain('nc=00000001');
});

test('does not answer an algorithm it does not know', () => {
  const digest = new Digest(new LoggerFactory(), 'Mufasa', 'Circle of Life');
  expect(digest.authenticate(request, { ...challenge, algorithm: 'SHA-512-256' })).toBe(false);
});
