import { array, assert, asyncProperty, constantFrom, nat, tuple } from 'fast-check';
import { voice } from '@livekit/agents';
import { ReadableStream } from 'node:stream/web';
import { expect, test } from 'vitest';
import { speechOf, speechTransforms } from './speakable.ts';

test.each([
  ['<speak>Hello. <break time="500ms"/>How can I help?</speak>', 'Hello. How can I help?'],
  ['One<break/>two <emphasis level="strong">three</emphasis>.', 'One two three.'],
  ['<think>The caller wants a table.</think>For how many people?', 'For how many people?'],
  ['Yes.<tool_call>{"name": "end_call"}</tool_call>', 'Yes.'],
  ['<antThinking>Hm.</antThinking><thought>So.</thought>Hello.', 'Hello.'],
  ['Bye.<function=end_call>{"reason": "bye"}</function>', 'Bye.'],
  ['{"name": "end_call", "arguments": {}}', ''],
  ['Sure.<|im_end|>', 'Sure.'],
  ['<a href="https://example.com/x">here</a>', 'here'],
  ['Monday &ndash; Friday, 5 &#8364;', 'Monday – Friday, 5 €'],
  ['A ➜ B', 'A, B'],
  ['We have 3 < 5 and 7 > 6 tables.', 'We have 3 < 5 and 7 > 6 tables.'],
  ['Fish &amp; chips', 'Fish & chips'],
  ['See https://www.example.com/menu?lang=en#top.', 'See example dot com slash menu.'],
  ['See https://example.com/a/very/long/path/index.html, please.', 'See example dot com, please.'],
  ['[our menu](https://example.com/menu) is online', 'our menu is online'],
  ['Write to <info@my-house.example.org>.', 'Write to info at my dash house dot example dot org.'],
  ['{"reply": "For how many people?"}', 'For how many people?'],
  ['```json\n{ "response": { "text": "Hello \\"you\\"." }, "mood": 3 }\n```', 'Hello "you".'],
  ['{"party": 4, "name": "Ann", "day": "Monday"}', ''],
  ['{"reply": "It was cut o', 'It was cut o'],
  ['From Berlin → Munich -> Rome', 'From Berlin, Munich, Rome'],
  ['| Day | Open |\n|---|---|\n| Monday | closed |', ', Day, Open, Monday, closed,'],
  ['**Good** evening, _dear_ `guest`! 🙂🇮🇹 :-)', 'Good evening, dear guest!'],
  ['• first\n• second', 'first\nsecond'],
  ['🙂', ''],
  [' \n\t ', ''],
  ['<break time="2s"/>', ''],
  [
    'At 8:30, for 4 – is that right? It costs 12.50 €.',
    'At 8:30, for 4 – is that right? It costs 12.50 €.',
  ],
])('%j is said as %j', async (text, said) => {
  expect(await speechOf(text, 'en')).toBe(said);
});

test('addresses are said in the language of the line, or left to the voice', async () => {
  const text = 'Пишите на info@example.ru или зайдите на https://example.ru/menu';
  expect(await speechOf(text, 'ru-RU')).toBe(
    'Пишите на info собака example точка ru или зайдите на example точка ru слэш menu',
  );
  expect(await speechOf('info@example.de, www.example.de', 'de')).toBe(
    'info@example.de, example.de',
  );
});

/** Said of a text that comes in these pieces. */
async function inPieces(pieces: string[]): Promise<string> {
  const said = voice.textTransforms.applyTextTransforms(
    ReadableStream.from(pieces),
    speechTransforms('en').slice(0, 1),
  );
  let whole = '';
  for await (const piece of said) whole += piece;
  return whole.replaceAll(/[\s,]+/g, ' ').trim(); // no voice says more than a pause
}

test('wherever a text is cut, the same is said', async () => {
  const bit = constantFrom(
    '<speak>',
    '</speak>',
    '<break time="1s"/>',
    '<think>no</think>',
    'Hello, ',
    'world. ',
    ' ',
    '{"reply": "Hi {you}."}',
    '{"a": 1}',
    'https://www.example.com/menu?x=1 ',
    'info@example.com. ',
    ' → ',
    ' -> ',
    '| a | b |',
    '3 < 5 ',
    '{name} ',
    '•',
    ':-) ',
    '🙂',
    '&amp;',
    '\n',
    '<a@b.example>',
  );
  const sample = tuple(array(bit, { maxLength: 12 }), array(nat(200), { maxLength: 12 }));
  await assert(
    asyncProperty(sample, async ([bits, cuts]) => {
      const text = bits.join('');
      const at = [...new Set(cuts.map((cut) => cut % (text.length + 1)))].toSorted((a, b) => a - b);
      const pieces = [0, ...at].map((from, index) => text.slice(from, at[index] ?? text.length));
      expect(await inPieces(pieces)).toBe(await inPieces([text]));
    }),
    { numRuns: 500 },
  );
});

test('a sentence is not kept back by what it has no part in', async () => {
  const stream = new TransformStream<string, string>();
  const writer = stream.writable.getWriter();
  const [transform] = speechTransforms('en');
  const reader = (transform as (text: ReadableStream<string>) => ReadableStream<string>)(
    stream.readable,
  ).getReader();
  void writer.write('Good evening. How');
  expect(await reader.read()).toEqual({ done: false, value: 'Good evening.' });
});
