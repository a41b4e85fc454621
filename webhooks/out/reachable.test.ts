import { describe, expect, test } from 'vitest';
import { endpointUrlProblem } from './endpoint-url.ts';
import { createReachable } from './reachable.ts';

const isReachable = createReachable([]);

const FORBIDDEN = [
  '0.0.0.0',
  '0.1.2.3',
  '10.0.0.1',
  '100.64.0.1',
  '100.127.255.254',
  '127.0.0.1',
  '127.255.255.255',
  '169.254.169.254',
  '172.16.0.1',
  '172.31.255.255',
  '192.0.0.1',
  '192.0.2.1',
  '192.88.99.1',
  '192.168.1.1',
  '198.18.0.1',
  '198.51.100.7',
  '203.0.113.7',
  '224.0.0.1',
  '239.255.255.255',
  '240.0.0.1',
  '255.255.255.255',
  '::',
  '::1',
  '::127.0.0.1',
  '::ffff:127.0.0.1',
  '::ffff:10.0.0.1',
  '::ffff:8.8.8.8',
  '::ffff:0:127.0.0.1',
  '64:ff9b::7f00:1',
  '64:ff9b:1::a00:1',
  '100::1',
  '2001::1',
  '2001:10::1',
  '2001:20::1',
  '2001:db8::1',
  '2002:7f00:1::1',
  '3fff::1',
  '5f00::1',
  'fc00::1',
  'fd00:ec2::254',
  'fe80::1',
  'fe80::1%eth0',
  'fec0::1',
  'ff02::1',
  'localhost',
  '',
];

describe('addresses', () => {
  test.each(FORBIDDEN)('%s is out of reach', (address) => {
    expect(isReachable(address, 'https:')).toBe(false);
    expect(isReachable(address, 'http:')).toBe(false);
  });

  test.each(['8.8.8.8', '100.63.255.255', '172.32.0.1', '2606:4700::1111', '2a00:1450::1'])(
    '%s is in reach, by https',
    (address) => {
      expect(isReachable(address, 'https:')).toBe(true);
      expect(isReachable(address, 'http:')).toBe(false);
    },
  );

  test('what the operator allows is in reach, by http as well, and nothing beside it', () => {
    const allowed = createReachable(['10.1.0.0/16', '::1', 'fd00::/8']);
    expect(allowed('10.1.2.3', 'http:')).toBe(true);
    expect(allowed('::ffff:10.1.2.3', 'http:')).toBe(true);
    expect(allowed('::1', 'https:')).toBe(true);
    expect(allowed('fd00::7', 'http:')).toBe(true);
    expect(allowed('10.2.0.1', 'https:')).toBe(false);
    expect(allowed('127.0.0.1', 'http:')).toBe(false);
    expect(() => createReachable(['example.com'])).toThrow('neither an address nor a CIDR');
  });
});

describe('URLs', () => {
  test.each([
    'https://127.0.0.1/',
    'https://2130706433/',
    'https://0x7f000001/',
    'https://0177.0.0.1/',
    'https://0x7f.1/',
    'https://127.1/',
    'https://%31%32%37.0.0.1/',
    'https://①②⑦.⓪.⓪.①/',
    'https://169.254.169.254/latest/meta-data/',
    'https://[::1]/',
    'https://[::ffff:7f00:1]/',
    'https://[::ffff:169.254.169.254]/',
    'https://[0:0:0:0:0:ffff:a00:1]/',
    'https://[64:ff9b::a9fe:a9fe]/',
    'https://[fd00:ec2::254]/',
  ])('%s is refused', (url) => {
    expect(endpointUrlProblem(url, isReachable)).toMatch('not allowed');
  });

  test.each([
    'http://8.8.8.8/',
    'ftp://example.com/',
    'file:///etc/passwd',
    'https://user:pass@example.com/',
    'https://example.com/#part',
    'example.com',
    `https://example.com/${'x'.repeat(2_000)}`,
  ])('%s is refused', (url) => {
    expect(endpointUrlProblem(url, isReachable)).toBeDefined();
  });

  test('a name is taken, and so is an address in the world, on any port', () => {
    for (const url of [
      'https://hooks.example.com/a?b=c',
      'https://8.8.8.8:8443/',
      'http://intern/',
    ]) {
      expect(endpointUrlProblem(url, isReachable)).toBeUndefined();
    }
  });
});
