import { expect, test } from 'vitest';
import { splitSentences } from './split-sentences.ts';

test.each([
  ['Sorry, I did not catch that. For how many people?', 2],
  ['Столик заказан. Всё верно?', 2],
  ['At 7.30 or at 8.15', 1],
  ['', 0],
  [' ... ', 0],
])('%s', (text, count) => {
  const sentences = splitSentences(text);
  expect(sentences).toHaveLength(count);
  if (count > 0) expect(sentences.join(' ')).toBe(text);
});
