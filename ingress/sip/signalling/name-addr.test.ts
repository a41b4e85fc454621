import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseNameAddr } from './name-addr.ts';
import { parseUri, userOf } from './uri.ts';

function read(value: string): unknown[] | undefined {
  const { uri, parameters } = parseNameAddr(value) ?? {};
  return uri && [uri.scheme, uri.userInfo, uri.host, Object.fromEntries(parameters ?? [])];
}

describe('parseNameAddr', () => {
  it.each([
    ['sip:+1@a;tag=1', ['sip', '+1', 'a', { tag: '1' }]],
    ['sip:+1@a;user=phone;tag=1', ['sip', '+1', 'a', { user: 'phone', tag: '1' }]],
    ['<sip:+1@a;tag=2>;tag=1', ['sip', '+1', 'a', { tag: '1' }]],
    ['"HOTEL: Astoria" <sip:+1@a>;tag=1', ['sip', '+1', 'a', { tag: '1' }]],
    ['"sip:+2@b" <sip:+1@a>', ['sip', '+1', 'a', {}]],
    ['"x\\" <sip:+2@b>" <sip:+1@a>', ['sip', '+1', 'a', {}]],
    ['Bob <sip:+1@a>;x="<sip:+2@b>"', ['sip', '+1', 'a', { x: '<sip:+2@b>' }]],
    ['Bob, the "2nd" <sip:+1@a>', ['sip', '+1', 'a', {}]],
    ['J\u00c3\u00b6rg <sip:+1@a>', ['sip', '+1', 'a', {}]],
    ['"J\u00f6rg" <sip:+1@a>', ['sip', '+1', 'a', {}]],
    ['<tel:+1-201-555;phone-context=x>;tag=3', ['tel', '+1-201-555', '', { tag: '3' }]],
    ['<urn:service:sos>', ['other', undefined, '', {}]],
    ['<sip:+1@a> ; tag = x', ['sip', '+1', 'a', { tag: 'x' }]],
  ])('reads %s', (value, expected) => {
    expect(read(value)).toEqual(expected);
  });

  it.each([
    '',
    'Bob',
    '"Bob" sip:+1@a',
    '"Bob <sip:+1@a>',
    '"Bob\\" <sip:+1@a>',
    '<sip:+1@a> <sip:+2@b>',
    'Bob <x> <sip:+1@a>',
    '< sip:+1@a >',
    '<sip:+1@a',
    'sip:+1@a>',
    '<sip:+1@a>, <sip:+2@b>',
    '<sip:+1@a>;;tag=1',
  ])('does not read %s', (value) => {
    expect(read(value)).toBeUndefined();
  });

  it('takes no URI from a name, whatever is quoted there', () => {
    fc.assert(
      fc.property(fc.string(), (name) => {
        const quoted = name.replaceAll(/[\\"]/g, '\\$&').replaceAll(/[\r\n]/g, '');
        expect(read(`"${quoted}" <sip:+1@a>;tag=1`)).toEqual(['sip', '+1', 'a', { tag: '1' }]);
      }),
    );
  });
});

describe('parseUri', () => {
  it.each([
    ['SIP:a@B', 'sip', 'a', 'B', undefined],
    ['sips:a@[2001:db8::1]:5061;x', 'sips', 'a', '[2001:db8::1]', 5061],
    ['sip:pbx_1.example.com.', 'sip', undefined, 'pbx_1.example.com.', undefined],
    ['sip:1;ext=4;tgrp=x:pw@b?a=b', 'sip', '1;ext=4;tgrp=x:pw', 'b', undefined],
    ['sip:a%25ZZ@b', 'sip', 'a%25ZZ', 'b', undefined],
    ['sip:1#2@b', 'sip', '1#2', 'b', undefined],
    ['tel:*21#', 'tel', '*21#', '', undefined],
  ])('reads %s', (text, scheme, userInfo, host, port) => {
    expect(parseUri(text)).toMatchObject({ scheme, userInfo, host, port });
  });

  it.each([
    '',
    'sip:',
    'sip:@b',
    'sip:a@',
    'sip:a@b@c',
    'sip:a b@c',
    'sip:a%ZZ@b',
    'sip:a@b:70000',
    'sip:a@b:x',
    'sip:a@b;;',
    'sip:a@b\r\nX: y',
    'sip:a\u0000@b',
    'tel:',
    'tel:a b',
    'no scheme',
    `sip:${'a'.repeat(2_000)}@b`,
  ])('does not read %j', (text) => {
    expect(parseUri(text)).toBeUndefined();
  });

  it('keeps maddr out of the host', () => {
    const uri = parseUri('sip:a@b;MAddr=192.0.2.1;transport=TCP');
    expect(uri?.host).toBe('b');
    expect(uri?.parameters.get('transport')).toBe('TCP');
  });

  it.each([
    ['sip:%31%32:pw@b', '12'],
    ['sip:1;ext=4@b', '1'],
    ['sip:%E0%A4@b', '%E0%A4'],
    ['sip:b', undefined],
  ])('names the user of %s', (text, user) => {
    const uri = parseUri(text);
    expect(uri && userOf(uri)).toBe(user);
  });
});
