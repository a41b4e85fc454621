import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isE164, toE164 } from './e164.ts';

describe('toE164', () => {
  test.each([
    ['+73433009243', undefined, '+73433009243'],
    ['73433009243', 'RU', '+73433009243'],
    ['73433009243', undefined, '+73433009243'],
    ['83433009243', 'RU', '+73433009243'],
    ['8 (343) 300-92-43', 'RU', '+73433009243'],
    ['3433009243', 'RU', '+73433009243'],
    ['0073433009243', 'RU', '+73433009243'],
    ['81073433009243', 'KZ', '+73433009243'],
    ['sip:+73433009243@sip.example.com;user=phone', undefined, '+73433009243'],
    ['"Desk" <sip:73433009243@192.0.2.1:5060>', 'RU', '+73433009243'],
    ['"<sip:+12025550143@a>" <sip:73433009243@a>;x="<sip:+12025550143@b>"', 'RU', '+73433009243'],
    ['"+1 202 555 0143 \\" <" <tel:+73433009243>', undefined, '+73433009243'],
    ['tel:+1-202-555-0143;ext=22', undefined, '+12025550143'],
    ['+12025550143 x22', undefined, '+12025550143'],
    ['(202) 555-0143 ext. 22', 'US', '+12025550143'],
    ['011 44 20 7946 0958', 'US', '+442079460958'],
    ['+44 (0)20 7946 0958', undefined, '+442079460958'],
    ['%2B442079460958', undefined, '+442079460958'],
    ['02079460958', 'gb', '+442079460958'],
  ])('%s in %s is %s', (raw, country, expected) => {
    expect(toE164(raw, { country })).toBe(expected);
  });

  test.each([
    ['1000', 'RU'],
    ['878725', 'RU'],
    ['+878725', undefined],
    ['agent', 'US'],
    ['sip:agent@127.0.0.1', 'US'],
    ['sip:1000@127.0.0.1', undefined],
    ['', undefined],
    ['*', undefined],
    ['anonymous', undefined],
    ['+0123456789', undefined],
    ['+1234567890123456', undefined],
    ['%E0%A4%A', undefined],
    ['3433009243', 'XX'],
  ])('%s in %s is no public number', (raw, country) => {
    expect(toE164(raw, { country })).toBeUndefined();
  });

  test('a text of any length costs nothing', () => {
    expect(toE164('7'.repeat(100_000), { country: 'RU' })).toBeUndefined();
  });

  test('never throws, and answers E.164 or nothing', () => {
    const country = fc.constantFrom(undefined, 'RU', 'US', 'FR', 'XX', '__proto__', '');
    const raw = fc.oneof(
      fc.string(),
      fc.stringMatching(/^(sip:|tel:)?\+?[0-9 ()-]{0,24}(@[a-z.]+)?$/),
    );
    fc.assert(
      fc.property(raw, country, (raw, country) => {
        const number = toE164(raw, { country });
        expect(number === undefined || isE164(number)).toBe(true);
      }),
    );
  });

  test('leaves its own answers as they are', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^(00|\+)?[1-9][0-9]{6,14}$/), (raw) => {
        const number = toE164(raw, { country: 'RU' });
        if (number !== undefined) expect(toE164(number, { country: 'US' })).toBe(number);
      }),
      { examples: [['+270000000']] },
    );
  });
});
