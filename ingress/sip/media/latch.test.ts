import { expect, test } from 'vitest';
import { Latch } from './latch.ts';

const PUBLIC = '203.0.113.5';
const GATEWAY = '198.51.100.7';
const STRANGER = '192.0.2.66';

/** A second of packets, as the lock wants them. */
function hear(latch: Latch, address: string, port: number, from = 0): number {
  for (let i = 0; i < 60; i++) latch.accept(address, port, from + i * 20);
  return from + 1_200;
}

test('sends to the SDP until something is heard', () => {
  const latch = new Latch({ address: PUBLIC, port: 4_000 }, GATEWAY);
  expect(latch.target).toEqual({ address: PUBLIC, port: 4_000 });
});

test.each([
  ['another port of the SDP address (NAT)', PUBLIC, 31_000],
  ['the address that the INVITE came from', GATEWAY, 9_000],
])('follows the media to %s', (_what, address, port) => {
  const latch = new Latch({ address: PUBLIC, port: 4_000 }, GATEWAY);
  expect(latch.accept(address, port, 0)).toBe(true);
  expect(latch.target).toMatchObject({ address, port });
});

test('a stranger is never heard when the SDP names a public address', () => {
  const latch = new Latch({ address: PUBLIC, port: 4_000 }, GATEWAY);
  expect(latch.accept(STRANGER, 4_000, 0)).toBe(false);
  expect(latch.target).toEqual({ address: PUBLIC, port: 4_000 });
});

test('behind a NAT the first source is taken, and a better one replaces it in the first second', () => {
  const latch = new Latch({ address: '192.168.1.10', port: 4_000 }, GATEWAY);
  expect(latch.target).toEqual({ address: GATEWAY, port: 4_000 });
  expect(latch.accept(STRANGER, 5_000, 0)).toBe(true);
  expect(latch.accept(GATEWAY, 6_000, 20)).toBe(true);
  expect(latch.accept(STRANGER, 5_000, 40)).toBe(false);
  expect(latch.target).toMatchObject({ address: GATEWAY, port: 6_000 });
});

test('in one private network only what signalling named is heard', () => {
  const latch = new Latch({ address: '10.0.0.5', port: 4_000 }, '10.0.0.1');
  expect(latch.accept('10.0.0.9', 4_000, 0)).toBe(false);
  expect(latch.accept('10.0.0.5', 4_000, 0)).toBe(true);
});

test('once locked nobody takes over, not even a better source', () => {
  const latch = new Latch({ address: PUBLIC, port: 4_000 }, GATEWAY);
  const now = hear(latch, GATEWAY, 9_000);
  expect(latch.accept(PUBLIC, 4_000, now)).toBe(false);
  expect(latch.target).toMatchObject({ address: GATEWAY, port: 9_000 });
});

test('a locked source that fell silent is replaced only by one that signalling vouches for', () => {
  const latch = new Latch({ address: '192.168.1.10', port: 4_000 }, GATEWAY);
  const now = hear(latch, GATEWAY, 9_000) + 5_000;
  expect(latch.accept(STRANGER, 9_000, now)).toBe(false);
  expect(latch.accept(GATEWAY, 9_500, now)).toBe(true);
});

test('hold by 0.0.0.0 sends nowhere, and a re-INVITE elsewhere begins anew', () => {
  const latch = new Latch({ address: PUBLIC, port: 4_000 }, PUBLIC);
  hear(latch, PUBLIC, 4_000);
  latch.move({ address: '0.0.0.0', port: 4_000 });
  expect(latch.target).toBeUndefined();
  latch.move({ address: GATEWAY, port: 8_000 });
  expect(latch.target).toEqual({ address: GATEWAY, port: 8_000 });
  expect(latch.accept(GATEWAY, 8_000, 9_000)).toBe(true);
});

test('an IPv4 address in IPv6 clothing is the same address', () => {
  const latch = new Latch({ address: PUBLIC, port: 4_000 }, GATEWAY);
  expect(latch.accept(`::ffff:${PUBLIC}`, 4_000, 0)).toBe(true);
});
