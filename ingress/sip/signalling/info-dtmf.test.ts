import { expect, it } from 'vitest';
import { readInfoDtmf, writeInfoDtmf } from './info-dtmf.ts';

it.each([
  ['application/dtmf-relay', 'Signal=5\r\nDuration=160\r\n', '5'],
  ['application/dtmf-relay', 'Signal= *\r\nDuration= 250', '*'],
  ['application/dtmf-relay', 'Duration=160\r\nsignal=11\r\n', '#'],
  ['application/dtmf', '0', '0'],
  ['application/dtmf', ' d\r\n', 'D'],
  ['application/dtmf', 'flash', undefined],
  ['application/dtmf-relay', '', undefined],
])('%s %j is %s', (type, body, digit) => {
  expect(readInfoDtmf(type, body)).toBe(digit);
});

it('reads what it writes', () => {
  expect(readInfoDtmf('application/dtmf-relay', writeInfoDtmf('#', 160))).toBe('#');
});
