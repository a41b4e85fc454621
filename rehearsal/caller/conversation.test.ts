import { expect, test } from 'vitest';
import { createConversation } from './conversation.ts';
import type { ConversationEvent, ConversationOptions } from './conversation.ts';

/** An agent that speaks at given times (ms), heard by a caller with a clock of its own. */
function hold(
  speech: readonly (readonly [number, number])[],
  options: Partial<ConversationOptions>,
) {
  const events: ConversationEvent[] = [];
  const conversation = createConversation({
    utterances: ['one', 'two'].map((text) => ({
      text,
      frames: Array.from({ length: 50 }, () => new Uint8Array(160)),
    })),
    gapMs: 600,
    patienceMs: 5_000,
    bargeInAfterMs: undefined,
    onEvent: (event) => events.push(event),
    ...options,
  });
  let now = 0;
  for (; now < 60_000 && !conversation.done; now += 20) {
    const speaking = speech.some(([from, to]) => now >= from && now < to);
    conversation.heard(speaking, 20, now);
    conversation.nextFrame(now);
  }
  return { events, doneAt: now };
}

const of = (events: ConversationEvent[], type: ConversationEvent['type']) =>
  events.filter((event) => event.type === type);

test('waits for the greeting, speaks in turn, times each reply and ends', () => {
  // Greeting to 2000; "one" begins at 2580 + 1 frame … and lasts a second.
  const { events } = hold(
    [
      [1_000, 2_000],
      [4_000, 5_000],
      [7_000, 8_000],
    ],
    {},
  );
  const [one, two] = of(events, 'said');
  const replies = of(events, 'reply') as Extract<ConversationEvent, { type: 'reply' }>[];
  expect(one).toMatchObject({ turn: 0, text: 'one' });
  expect(replies.map(({ turn }) => turn)).toEqual([-1, 0, 1]);
  expect(replies[0]?.latencyMs).toBeUndefined();
  expect(replies[1]?.latencyMs).toBe(4_000 - (one?.at ?? 0));
  expect(replies[2]?.latencyMs).toBe(7_000 - (two?.at ?? 0));
  expect(of(events, 'missed')).toEqual([]);
});

test('gives up on a silent agent, phrase by phrase', () => {
  const { events, doneAt } = hold([], {});
  expect(of(events, 'missed').map(({ turn }) => turn)).toEqual([-1, 0, 1]);
  expect(doneAt).toBeLessThan(18_000);
});

test('a reply that begins before the phrase is over has no latency and overlaps', () => {
  const { events } = hold(
    [
      [1_000, 2_000],
      [3_000, 5_000],
    ],
    {},
  );
  expect(of(events, 'reply')[1]).toMatchObject({ turn: 0, latencyMs: undefined, overlaps: true });
});

test('a murmur of the agent during the phrase is not taken for its reply', () => {
  const { events } = hold(
    [
      [1_000, 2_000],
      [2_700, 2_800],
      [5_000, 6_000],
    ],
    { gapMs: 300 },
  );
  const said = of(events, 'said')[0]?.at ?? 0;
  expect(of(events, 'reply')[2]).toMatchObject({ turn: 0, latencyMs: 5_000 - said });
});

test('barging in, it speaks into the greeting and times how soon the agent stops', () => {
  const { events } = hold(
    [
      [1_000, 2_500],
      [4_000, 4_800],
    ],
    { bargeInAfterMs: 1_000 },
  );
  const saying = of(events, 'saying')[0]?.at ?? 0;
  expect(saying).toBe(2_000);
  expect(of(events, 'interrupted')[0]).toMatchObject({ turn: 0, stopMs: 2_480 - saying });
  expect(of(events, 'reply')[1]).toMatchObject({ turn: 0, overlaps: false });
});
