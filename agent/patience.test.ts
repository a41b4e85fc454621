import { voice } from '@livekit/agents';
import { EventEmitter } from 'node:events';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { watchPatience } from './patience.ts';
import type { SessionEvents } from './patience.ts';

const {
  ConversationItemAdded,
  UserStateChanged,
  AgentStateChanged,
  Error: Failed,
} = voice.AgentSessionEventTypes;

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function patience() {
  const session = new EventEmitter();
  const over = new AbortController();
  const heard: string[] = [];
  const options = {
    replyTimeoutMs: 1_000,
    maxMissed: 2,
    idleMs: 10_000,
    onMissed: () => heard.push('repeat'),
    onGivenUp: () => heard.push('given up'),
    onSilence: (times: number) => heard.push(`silence ${times}`),
  };
  watchPatience(session as unknown as SessionEvents, options, over.signal);
  return {
    heard,
    over,
    callerSaid: () =>
      session.emit(ConversationItemAdded, { item: { type: 'message', role: 'user' } }),
    caller: (newState: string) => session.emit(UserStateChanged, { newState }),
    agent: (newState: string) => session.emit(AgentStateChanged, { newState }),
    fail: (type: string, recoverable = false) =>
      session.emit(Failed, { error: { type, recoverable } }),
  };
}

test('a turn without a reply: the caller is asked to repeat', () => {
  const { heard, callerSaid } = patience();
  callerSaid();
  vi.advanceTimersByTime(999);
  expect(heard).toEqual([]);
  vi.advanceTimersByTime(1);
  expect(heard).toEqual(['repeat']);
});

test('a reply in time is followed by nothing', () => {
  const { heard, callerSaid, agent } = patience();
  callerSaid();
  agent('speaking');
  vi.advanceTimersByTime(5_000);
  expect(heard).toEqual([]);
});

test('the caller who goes on speaking is not interrupted', () => {
  const { heard, callerSaid, caller } = patience();
  callerSaid();
  caller('speaking');
  vi.advanceTimersByTime(5_000);
  expect(heard).toEqual([]);
});

test('three misses in a row end the call; asking to repeat does not count as a reply', () => {
  const { heard, callerSaid, agent } = patience();
  for (let turn = 0; turn < 3; turn++) {
    callerSaid();
    vi.advanceTimersByTime(1_000);
    agent('speaking');
    agent('thinking');
  }
  expect(heard).toEqual(['repeat', 'repeat', 'given up']);
});

test('a real reply starts the count anew', () => {
  const { heard, callerSaid, agent, fail } = patience();
  for (let turn = 0; turn < 4; turn++) {
    callerSaid();
    fail('llm_error');
    agent('speaking');
    callerSaid();
    agent('thinking');
    agent('speaking');
  }
  expect(heard).toEqual(['repeat', 'repeat', 'repeat', 'repeat']);
});

test('a lost reply is noticed at once, a recoverable error is not one', () => {
  const { heard, callerSaid, fail } = patience();
  callerSaid();
  fail('tts_error', true);
  fail('stt_error');
  expect(heard).toEqual([]);
  fail('tts_error');
  expect(heard).toEqual(['repeat']);
  vi.advanceTimersByTime(5_000);
  expect(heard).toEqual(['repeat']);
});

test('a reply that was given up and fails then is not missed twice', () => {
  const { heard, callerSaid, agent, fail } = patience();
  callerSaid();
  vi.advanceTimersByTime(1_000);
  fail('tts_error');
  agent('speaking');
  fail('tts_error');
  expect(heard).toEqual(['repeat']);
  callerSaid();
  fail('tts_error');
  expect(heard).toEqual(['repeat', 'repeat']);
});

test('silence on both sides is noticed again and again, until the caller speaks', () => {
  const { heard, agent, caller } = patience();
  agent('listening');
  vi.advanceTimersByTime(10_000);
  agent('speaking');
  agent('listening');
  vi.advanceTimersByTime(10_000);
  caller('speaking');
  caller('listening');
  vi.advanceTimersByTime(10_000);
  expect(heard).toEqual(['silence 1', 'silence 2', 'silence 1']);
});

test('nothing happens once the call is over', () => {
  const { heard, callerSaid, agent, over } = patience();
  callerSaid();
  agent('listening');
  over.abort();
  agent('listening');
  callerSaid();
  vi.advanceTimersByTime(60_000);
  expect(heard).toEqual([]);
});
