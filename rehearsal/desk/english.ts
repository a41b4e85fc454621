import type { Lines, Topic, Understanding } from './lines.ts';

const NUMBER =
  'one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|\\d{1,2}(?::\\d\\d)?';
const DAY =
  'today|tonight|tomorrow(?: evening| night)?|(?:on )?(?:mon|tues|wednes|thurs|fri|satur|sun)day';

const TOPICS: readonly (readonly [Topic, RegExp])[] = [
  ['hours', /\bopening hours\b|\bwhen do you (close|open)\b|\bare you open\b|\bhow late\b/],
  ['address', /\baddress\b|\bwhere are you\b|\blocated\b|\bhow do i (get|find)\b/],
  ['parking', /\bparking\b|\bpark\b/],
  ['vegetarian', /\bvegetarian\b|\bvegan\b/],
  ['high_chair', /\bhigh ?chair\b|\bbaby\b/],
  ['window', /\bwindow\b/],
  ['wait', /\b(just )?a (moment|second|minute)\b|\bhold on\b/],
  ['hearing', /\bcan you hear\b/],
  ['manager', /\bmanager\b|\breal person\b|\bhuman\b|\bcomplain/],
  ['cancel', /\bcancel\b/],
  ['change', /\bchange my\b|\bmove my\b/],
  ['number', /\bmy (phone )?number\b/],
];

const INTENTS: readonly (readonly [NonNullable<Understanding['intent']>, RegExp])[] = [
  ['goodbye', /\bgood ?bye\b|\bbye\b|\bthat'?s all\b/],
  ['repeat', /\brepeat\b|\bsay that again\b|\bpardon\b/],
  ['no', /^no\b|\bwrong\b|\bnot right\b/],
  ['yes', /^(yes|yeah|yep|sure|correct|right)\b|\bthat'?s right\b/],
  ['book', /\b(book|reserve|reservation|booking)\b|\btable\b/],
  ['thanks', /\bthank/],
  ['greeting', /^(hello|hi|hey|good (morning|afternoon|evening))\b/],
  ['backchannel', /^(mm+-?hm+|uh-?huh|ok(ay)?)\b/],
];

export const ENGLISH: Lines = {
  greeting: 'Hello, this is Trattoria Trunkline. How can I help you?',
  ask: {
    help: 'How can I help you?',
    party: 'For how many people?',
    when: 'For which day and time?',
    time: 'At what time?',
    name: 'What name is the booking for?',
    anything_else: 'Is there anything else?',
  },
  answers: {
    hours: 'We are open from Tuesday to Sunday, from noon to ten in the evening.',
    address: 'We are at twelve Harbour Street, beside the old lighthouse.',
    parking: 'Yes, you can park behind the house.',
    vegetarian: 'Yes, there is always a vegetarian dish.',
    high_chair: 'Of course, a high chair will be ready.',
    window: 'I will note a table by the window.',
    wait: 'Of course, take your time.',
    hearing: 'Yes, I can hear you well.',
    manager: 'I am sorry, the manager is not free now. I will ask for a call back.',
    change: 'Of course, let us make the booking anew.',
    cancel: 'I have noted that your reservation is cancelled.',
    number: 'Thank you, I have noted your number.',
  },
  notUnderstood: 'Sorry, I did not catch that.',
  apology: 'I am sorry. Let us start again.',
  goodbye: 'Thank you for calling. Goodbye.',
  transferring: 'I will put you through. One moment, please.',
  confirm: ({ party, day, time, name }) =>
    `A table for ${party} ${day} at ${time}, for ${name}. Is that right?`,
  booked: (number) =>
    `Your table is booked. Your confirmation number is ${number.split('').join(' ')}. Is there anything else?`,
  notBooked: 'I am sorry, that table is not free. For which other day and time?',
  sentences: {
    help: ["I'd like to book a table.", 'What are your opening hours?', 'Where are you located?'],
    party: ['For four people.', 'For two people.', 'Just me.'],
    when: ['Tomorrow at seven.', 'On Friday at six.', 'On Sunday at noon.'],
    time: ['Tonight at eight.', 'Tomorrow at seven.'],
    name: ['My name is Anna.', 'The name is Garcia.'],
    confirm: ["Yes, that's right.", "No, that's wrong.", 'Could you repeat that?'],
    anything_else: ['No, thank you.', 'Do you have parking?', 'Goodbye.'],
  },
  understand(words) {
    const text = words.toLowerCase().replaceAll('’', "'");
    const party =
      new RegExp(`\\b(${NUMBER}) (?:people|persons|guests|of us)\\b`).exec(text)?.[1] ??
      new RegExp(`\\b(?:table )?for (${NUMBER})\\b(?! ?(?:o'clock|pm|am))`).exec(text)?.[1] ??
      new RegExp(`\\bof us (${NUMBER})\\b|\\bwe are (${NUMBER})\\b|\\bbe (${NUMBER}) of us`)
        .exec(text)
        ?.slice(1)
        .find(Boolean);
    const day = new RegExp(`\\b(${DAY})\\b`).exec(text)?.[1];
    const time = new RegExp(
      `\\b(half past (?:${NUMBER})|noon|midday|(?<=\\bat )(?:${NUMBER}))\\b`,
    ).exec(text)?.[1];
    const name = /\b(?:my name is|the name is|name's|this is|i am called) ([\p{L} '-]+)/iu.exec(
      words,
    )?.[1];
    const alone = /\bjust me\b|\bjust myself\b|\balone\b/.test(text);
    const topic = TOPICS.find(([, pattern]) => pattern.test(text))?.[0];
    return {
      ...((party || alone) && { party: alone ? 'one person' : `${party} people` }),
      ...(day && { day: weekday(day) }),
      ...(time && { time }),
      ...(name && { name: name.trim() }),
      topic,
      intent: INTENTS.find(([, pattern]) => pattern.test(text))?.[0],
    };
  },
};

function weekday(day: string): string {
  const name = /^(?:on )?([a-z]+day)$/.exec(day)?.[1];
  return name && name !== 'today' ? `on ${name[0]?.toUpperCase()}${name.slice(1)}` : day;
}
