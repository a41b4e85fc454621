import { expect, test } from 'vitest';
import { RefusalBoard } from './refusals.ts';

const note = (address: string, dialled?: string) => ({
  at: new Date().toISOString(),
  cause: 'number_not_mapped' as const,
  sipCode: 404,
  address,
  ...(dialled !== undefined && { dialled }),
});

test('alike refusals are counted, the latest kinds are kept', () => {
  const board = new RefusalBoard();
  board.take({ notes: [note('192.0.2.1', '+1'), note('192.0.2.1', '+1')] });
  expect(board.list()).toMatchObject([
    { count: 2, sentence: '+1 was dialled, which no line has, and the caller got 404.' },
  ]);
  board.take({ notes: Array.from({ length: 300 }, (_, n) => note(`198.51.100.${n}`)) });
  board.take({ notes: [note('192.0.2.1', '+2')] });
  const kinds = board.list();
  expect(kinds).toHaveLength(100);
  expect(kinds[0]).toMatchObject({ dialled: '+2', count: 1 });
});
