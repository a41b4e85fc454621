import { expect, test } from 'vitest';
import { isBackchannel } from './backchannel.ts';

test.each(['mm-hm', 'Mm-hmm.', 'Uh-huh', 'Hmm, hmm.', 'mhm'])('"%s" is one', (text) => {
  expect(isBackchannel(text, 'en-US')).toBe(true);
});

test.each(['', 'Yes.', 'mm-hm, for four people', 'Stop!', '...', 'угу'])('"%s" is none', (text) => {
  expect(isBackchannel(text, 'en')).toBe(false);
});

test('each language has its own', () => {
  expect(isBackchannel('Угу, ага', 'ru')).toBe(true);
  expect(isBackchannel('mm-hm', 'tr')).toBe(false);
});
