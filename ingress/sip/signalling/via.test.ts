import { expect, it } from 'vitest';
import { markReceived, parseVia } from './via.ts';

it.each([
  ['SIP/2.0/UDP a.example.com', { transport: 'UDP', host: 'a.example.com', port: undefined }],
  ['SIP / 2.0 / tcp 192.0.2.1 : 5070 ; branch = z9hG4bKx', { host: '192.0.2.1', port: 5070 }],
  ['SIP/2.0/UDP [2001:db8::1]:5060;branch=z9hG4bKx', { host: '2001:db8::1', branch: 'z9hG4bKx' }],
])('reads %s', (value, expected) => {
  expect(parseVia(value)).toMatchObject(expected);
});

it.each(['SIP/3.0/UDP a', 'UDP a', 'SIP/2.0/UDP', ''])('does not read %j', (value) => {
  expect(parseVia(value)).toBeUndefined();
});

function from(value: string): string {
  return markReceived(value, '192.0.2.9', 6000);
}

it('notes where a request came from (RFC 3261 §18.2.1, RFC 3581 §4)', () => {
  expect(from('SIP/2.0/UDP 10.0.0.1:5060;branch=x')).toBe(
    'SIP/2.0/UDP 10.0.0.1:5060;branch=x;received=192.0.2.9',
  );
  expect(from('SIP/2.0/UDP 192.0.2.9;rport;branch=x')).toBe(
    'SIP/2.0/UDP 192.0.2.9;rport=6000;branch=x;received=192.0.2.9',
  );
  expect(from('SIP/2.0/UDP 192.0.2.9;branch=x')).toBe('SIP/2.0/UDP 192.0.2.9;branch=x');
  expect(from('SIP/2.0/UDP a;received=1.1.1.1')).toBe('SIP/2.0/UDP a;received=192.0.2.9');
});
