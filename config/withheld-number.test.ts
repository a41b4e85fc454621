import { expect, test } from 'vitest';
import { isNowhere, isWithheld } from './withheld-number.ts';

test.each([
  'anonymous',
  'Anonymous',
  'ANONYMOUS',
  'Restricted',
  'unavailable',
  'Unknown',
  'Private',
  'withheld',
  'blocked',
  'not available',
  'out-of-area',
  'No Number',
  'anonymous.invalid',
  '0000000000',
  '+0',
  '',
])('%j stands for no number', (number) => {
  expect(isWithheld(number)).toBe(true);
});

test.each(['+73433009243', '1000', 'agent', 'unknown1', 'privateer', '0800', 'invalid1'])(
  '%s is a caller',
  (number) => {
    expect(isWithheld(number)).toBe(false);
  },
);

test.each([
  ['anonymous.invalid', true],
  ['Unknown.Invalid.', true],
  ['invalid', true],
  ['invalid.example.com', false],
  ['notinvalid', false],
])('%s is nowhere: %s', (host, expected) => {
  expect(isNowhere(host)).toBe(expected);
});
