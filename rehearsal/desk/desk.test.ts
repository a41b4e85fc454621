import { describe, expect, test } from 'vitest';
import { type DeskMessage, type DeskReply, confirmationNumber, deskReply } from './desk.ts';
import type { Tool } from './tools.ts';

const BOOK: Tool = {
  name: 'book_table',
  parameters: {
    properties: {
      party_size: { type: 'integer' },
      date: { type: 'string' },
      time: { type: 'string' },
      name: { type: 'string' },
    },
  },
};
const END: Tool = { name: 'end_call' };

/** What the desk answers to each of a caller's turns. */
function converse(turns: readonly string[], tools: readonly Tool[] = []): DeskReply[] {
  const messages: DeskMessage[] = [{ role: 'system', text: 'You answer the telephone.' }];
  return turns.map((text) => {
    messages.push({ role: 'user', text });
    const reply = deskReply(messages, tools);
    messages.push({
      role: 'assistant',
      text: reply.text,
      calls: reply.calls.map(({ name }) => name),
    });
    return reply;
  });
}

function texts(turns: readonly string[], tools: readonly Tool[] = []): string[] {
  return converse(turns, tools).map(({ text }) => text);
}

const BOOKING = [
  "I'd like to book a table.",
  'For four people.',
  'Tomorrow at seven.',
  'My name is Anna.',
];

describe('in English', () => {
  test('greets when nothing was said yet', () => {
    expect(deskReply([{ role: 'system', text: 'You answer.' }], []).text).toContain('help you');
  });

  test('books a table from the first word to the goodbye', () => {
    const replies = texts([...BOOKING, "Yes, that's right.", 'No, thank you.']);
    const number = confirmationNumber({
      party: 'four people',
      day: 'tomorrow',
      time: 'seven',
      name: 'Anna',
    });
    expect(replies).toEqual([
      'For how many people?',
      'For which day and time?',
      'What name is the booking for?',
      'A table for four people tomorrow at seven, for Anna. Is that right?',
      `Your table is booked. Your confirmation number is ${number.split('').join(' ')}. Is there anything else?`,
      'Thank you for calling. Goodbye.',
    ]);
  });

  test('takes everything from one sentence', () => {
    const [reply] = texts(['A table for two people on Friday at half past six, my name is Peter.']);
    expect(reply).toBe(
      'A table for two people on Friday at half past six, for Peter. Is that right?',
    );
  });

  test.each([
    ['There will be eight of us.', 'eight people'],
    ['Just me.', 'one person'],
    ['For six people.', 'six people'],
  ])('understands %s', (words, party) => {
    const reply = texts([words, 'Tonight at eight.', 'Anna']).at(-1);
    expect(reply).toBe(`A table for ${party} tonight at eight, for Anna. Is that right?`);
  });

  test('answers a question and goes on where it was', () => {
    const replies = texts(["I'd like to book a table.", 'Do you have parking?', 'For two people.']);
    expect(replies[1]).toMatch(/park.*For how many people\?$/);
    expect(replies[2]).toBe('For which day and time?');
  });

  test('says so when it did not understand, and keeps its question', () => {
    const replies = texts(["I'd like to book a table.", '[unrecognised]', 'purple monkeys']);
    expect(replies[1]).toBe('Sorry, I did not catch that. For how many people?');
    expect(replies[2]).toBe('Sorry, I did not catch that. For how many people?');
  });

  test('repeats what it said', () => {
    const replies = texts(["I'd like to book a table.", 'Could you repeat that?']);
    expect(replies[1]).toBe(replies[0]);
  });

  test('starts again when it got it wrong, but keeps the name', () => {
    const replies = texts([
      ...BOOKING,
      "No, that's wrong.",
      'For two people.',
      'Tonight at eight.',
    ]);
    expect(replies[4]).toBe('I am sorry. Let us start again. For how many people?');
    expect(replies[6]).toContain('for two people tonight at eight, for Anna');
  });

  test('corrects a part of the booking', () => {
    expect(texts([...BOOKING, 'On Friday at six.']).at(-1)).toBe(
      'A table for four people on Friday at six, for Anna. Is that right?',
    );
  });
});

describe('tools', () => {
  test('books with the tool that is offered and reads its number', () => {
    const replies = converse([...BOOKING, 'Yes, please.'], [BOOK, END]);
    expect(replies.at(-1)).toEqual({
      text: '',
      calls: [
        {
          name: 'book_table',
          arguments: { party_size: 4, date: 'tomorrow', time: 'seven', name: 'Anna' },
        },
      ],
    });
    const messages: DeskMessage[] = [
      { role: 'user', text: 'Yes, please.' },
      { role: 'assistant', text: '', calls: ['book_table'] },
      { role: 'tool', text: '{"confirmation":"48213"}' },
    ];
    expect(deskReply(messages, [BOOK]).text).toContain('4 8 2 1 3');
    const refused = messages.with(2, { role: 'tool', text: 'Error: no table is free' });
    expect(deskReply(refused, [BOOK]).text).toContain('not free');
  });

  test('says goodbye once and hangs up', () => {
    const [reply] = converse(['Goodbye.'], [END]);
    expect(reply).toEqual({
      text: 'Thank you for calling. Goodbye.',
      calls: [{ name: 'end_call', arguments: {} }],
    });
    const after: DeskMessage[] = [
      { role: 'user', text: 'Goodbye.' },
      { role: 'assistant', text: 'Thank you for calling. Goodbye.', calls: ['end_call'] },
      { role: 'tool', text: 'The call has ended.' },
    ];
    expect(deskReply(after, [END])).toEqual({ text: '', calls: [] });
  });
});

test('speaks Russian with who speaks Russian', () => {
  const replies = texts([
    'Я хочу забронировать столик.',
    'На четверых.',
    'Завтра в семь вечера.',
    'Меня зовут Анна.',
    'Да, всё верно.',
    'До свидания.',
  ]);
  expect(replies[0]).toBe('На сколько человек?');
  expect(replies[1]).toBe('На какой день и на какое время?');
  expect(replies[2]).toBe('На чьё имя записать?');
  expect(replies[3]).toBe('Столик на четверых, завтра в семь, на имя Анна. Всё верно?');
  expect(replies[4]).toMatch(/^Столик заказан\./);
  expect(replies[5]).toBe('Спасибо за звонок. До свидания.');
});

test('an unknown utterance does not change the language', () => {
  expect(texts(['Здравствуйте.', '[unrecognised]']).at(-1)).toContain('не расслышала');
});
