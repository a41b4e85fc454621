import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readParameters, readToken, splitValue } from './header-value.ts';

const trimmed = (text: string): string => text.replaceAll(' ', '');

describe('splitValue', () => {
  it.each([
    ['a, b,c', ['a', 'b', 'c']],
    ['a="b,c", d', ['a="b,c"', 'd']],
    ['"a \\", b" <sip:c,d@e>;x="<", f', ['"a \\", b" <sip:c,d@e>;x="<"', 'f']],
    ['"\\\\",a', ['"\\\\"', 'a']],
    ['', ['']],
    [',', ['', '']],
  ])('cuts %s', (value, parts) => {
    expect(splitValue(value, ',')).toEqual(parts);
  });

  it.each(['"a, b', 'a, "b\\"', '<a, b', 'a>', '<a<b>>', '"'])('does not cut %s', (value) => {
    expect(splitValue(value, ',')).toBeUndefined();
  });

  it('never throws and loses nothing', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('a', ',', ';', '"', '\\', '<', '>', ' ') }),
        (value) => {
          const parts = splitValue(value, ',');
          expect(parts === undefined || trimmed(parts.join(',')) === trimmed(value)).toBe(true);
        },
      ),
    );
  });
});

it('reads parameters by their names in lower case, the first of each', () => {
  const parts = ['Tag = a', 'b="c \\"d\\""', 'LR', 'tag=e'];
  expect([...(readParameters(parts) ?? [])]).toEqual([
    ['tag', 'a'],
    ['b', 'c "d"'],
    ['lr', ''],
  ]);
  expect(readParameters(['a=b', ''])).toBeUndefined();
  expect(readParameters(['=b'])).toBeUndefined();
});

it('reads a token with parameters', () => {
  const read = readToken('Multipart/Mixed ; Boundary="a;b"');
  expect(read?.token).toBe('multipart/mixed');
  expect(read?.parameters.get('boundary')).toBe('a;b');
  expect(readToken('')).toBeUndefined();
});
