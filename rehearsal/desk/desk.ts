import { languageOf } from '../voice/language-of.ts';
import { ENGLISH } from './english.ts';
import type { Booking, Lines, Question, Understanding } from './lines.ts';
import { RUSSIAN } from './russian.ts';
import { type Tool, type ToolCall, bookingCall, findTool } from './tools.ts';

/** A message of the conversation so far, as chat completions have it. */
export interface DeskMessage {
  readonly role: 'system' | 'developer' | 'user' | 'assistant' | 'tool';
  readonly text: string;
  /** Names of the tools that an assistant message calls. */
  readonly calls?: readonly string[];
}

/** What the desk says next; either half may be missing. */
export interface DeskReply {
  readonly text: string;
  readonly calls: readonly ToolCall[];
}

interface State {
  readonly booking: Booking;
  /** What the caller's next words are expected to answer. */
  readonly question: Question;
  readonly phase: 'open' | 'booking' | 'booked';
  readonly reply: DeskReply;
}

const LINES = { en: ENGLISH, ru: RUSSIAN };

/**
 * The scripted restaurant desk: the next reply to a conversation. It keeps nothing between calls;
 * where the conversation stands is worked out from the messages.
 */
export function deskReply(messages: readonly DeskMessage[], tools: readonly Tool[]): DeskReply {
  const lines = LINES[conversationLanguage(messages)];
  const last = messages.at(-1);
  if (last?.role === 'tool') return afterTool(messages, lines);
  return stateAfter(messages, lines, tools).reply;
}

/**
 * What a caller may say next that is understood, and moves the conversation on.
 *
 * @example nextSentences('en', []); // ["I'd like to book a table.", …]
 */
export function nextSentences(
  language: 'en' | 'ru',
  messages: readonly DeskMessage[],
): readonly string[] {
  const lines = LINES[language];
  return lines.sentences[stateAfter(messages, lines, []).question];
}

function stateAfter(messages: readonly DeskMessage[], lines: Lines, tools: readonly Tool[]): State {
  let state: State = {
    booking: {},
    question: 'help',
    phase: 'open',
    reply: { text: lines.greeting, calls: [] },
  };
  for (const message of messages) {
    if (message.role === 'user') state = hear(state, message.text, lines, tools);
  }
  return state;
}

/** Every fixed line of the desk, to be rendered beforehand. */
export function deskLines(): string[] {
  return Object.values(LINES).flatMap((lines) => [
    lines.greeting,
    ...Object.values(lines.ask),
    ...Object.values(lines.answers),
    lines.notUnderstood,
    lines.goodbye,
  ]);
}

function conversationLanguage(messages: readonly DeskMessage[]): 'en' | 'ru' {
  const spoken = messages.findLast(
    ({ role, text }) => role === 'user' && /\p{L}/u.test(text) && !isUnknown(text),
  );
  const said = spoken ?? messages.findLast(({ role, text }) => role === 'assistant' && text !== '');
  return languageOf((said ?? messages[0])?.text ?? '');
}

function hear(state: State, words: string, lines: Lines, tools: readonly Tool[]): State {
  if (isUnknown(words)) return say(state, `${lines.notUnderstood} ${pendingLine(state, lines)}`);
  const heard = lines.understand(words);
  const booking = { ...state.booking, ...bookingOf(heard, state, words) };
  const learned = Object.keys(booking).some(
    (key) => booking[key as keyof Booking] !== state.booking[key as keyof Booking],
  );
  if (heard.intent === 'goodbye') return hangUp(state, lines, tools);
  if (heard.intent === 'repeat') return say(state, state.reply.text);
  if (heard.topic === 'manager') return manager(state, lines, tools);
  if (heard.topic === 'change') {
    return proceed({ ...state, booking: {}, phase: 'booking' }, lines, lines.answers.change);
  }
  if (heard.topic) {
    const answered = say(
      { ...state, booking },
      `${lines.answers[heard.topic]} ${pendingLine(state, lines)}`,
    );
    return state.phase === 'open' ? { ...answered, question: 'anything_else' } : answered;
  }
  if (state.question === 'confirm' && !learned) return confirmed(state, heard, lines, tools);
  if (state.question === 'anything_else' && ['no', 'thanks'].includes(heard.intent ?? '')) {
    return hangUp(state, lines, tools);
  }
  if (learned || heard.intent === 'book') {
    return proceed({ ...state, booking, phase: 'booking' }, lines);
  }
  if (heard.intent === 'thanks') return say(state, pendingLine(state, lines));
  if (heard.intent !== undefined) return say(state, pendingLine(state, lines));
  return say(state, `${lines.notUnderstood} ${pendingLine(state, lines)}`);
}

/** What the words say about the booking; a bare name answers the question for it. */
function bookingOf(heard: Understanding, { question }: State, words: string): Booking {
  const { party, day, time, name } = heard;
  const bareName =
    question === 'name' && !name && !heard.intent && !heard.topic
      ? words.replace(/[.!?]+$/u, '').trim()
      : undefined;
  return {
    ...(party && { party }),
    ...(day && { day }),
    ...(time && { time }),
    ...((name ?? bareName) && { name: name ?? bareName ?? '' }),
  };
}

/** Asks for what is still missing. */
function proceed(state: State, lines: Lines, before = ''): State {
  const { party, day, time, name } = state.booking;
  const question: Question = !party
    ? 'party'
    : !day
      ? 'when'
      : !time
        ? 'time'
        : !name
          ? 'name'
          : 'confirm';
  const next = { ...state, question };
  return say(next, `${before} ${pendingLine(next, lines)}`.trim());
}

function pendingLine({ question, booking }: State, lines: Lines): string {
  if (question !== 'confirm') return lines.ask[question];
  const { party = '', day = '', time = '', name = '' } = booking;
  return lines.confirm({ party, day, time, name });
}

function confirmed(
  state: State,
  heard: Understanding,
  lines: Lines,
  tools: readonly Tool[],
): State {
  switch (heard.intent) {
    case 'yes':
    case 'thanks':
    case 'backchannel': {
      const call = bookingCall(tools, state.booking);
      const next: State = { ...state, phase: 'booked', question: 'anything_else' };
      const text = call ? '' : lines.booked(confirmationNumber(state.booking));
      return { ...next, reply: { text, calls: call ? [call] : [] } };
    }
    case 'no': {
      const { name } = state.booking;
      const booking: Booking = name ? { name } : {};
      return proceed({ ...state, booking, phase: 'booking' }, lines, lines.apology);
    }
    default:
      return say(state, pendingLine(state, lines));
  }
}

function hangUp(state: State, lines: Lines, tools: readonly Tool[]): State {
  const tool = findTool(tools, /^(end_?call|hang_?up)/i);
  const calls = tool ? [{ name: tool.name, arguments: {} }] : [];
  return { ...state, question: 'anything_else', reply: { text: lines.goodbye, calls } };
}

function manager(state: State, lines: Lines, tools: readonly Tool[]): State {
  const tool = findTool(tools, /transfer|escalat/i);
  if (tool) {
    return {
      ...state,
      reply: { text: lines.transferring, calls: [{ name: tool.name, arguments: {} }] },
    };
  }
  return say(state, `${lines.answers.manager} ${pendingLine(state, lines)}`);
}

function afterTool(messages: readonly DeskMessage[], lines: Lines): DeskReply {
  const result = messages.at(-1)?.text ?? '';
  const call = messages.findLast(({ calls }) => calls && calls.length > 0);
  if (!call?.calls?.some((name) => /book|reserv/i.test(name))) {
    // A goodbye that was said with the call is not said twice.
    return { text: call?.text ? '' : lines.goodbye, calls: [] };
  }
  if (/error|fail|not available|unavailable/i.test(result)) {
    return { text: lines.notBooked, calls: [] };
  }
  const number = /\d{3,}/.exec(result)?.[0] ?? confirmationNumber({ name: result });
  return { text: lines.booked(number), calls: [] };
}

/** Four digits, the same for the same booking, so that a test can expect them. */
export function confirmationNumber({ party, day, time, name }: Booking): string {
  let hash = 7;
  for (const character of [party, day, time, name].join('|').toLowerCase()) {
    hash = (hash * 31 + (character.codePointAt(0) ?? 0)) % 9000;
  }
  return String(1000 + hash);
}

function isUnknown(words: string): boolean {
  return words.trim() === '' || /^\[.*\]$/.test(words.trim());
}

function say(state: State, text: string): State {
  return { ...state, reply: { text, calls: [] } };
}
