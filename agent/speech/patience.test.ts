import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Patience } from './patience.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const FRAME_MS = 50;

const wait = (ms: number) => vi.advanceTimersByTime(ms);

/** A conversation as caller and agent hear it; its replies are due within a second. */
function converse() {
  const over = new AbortController();
  const heard: string[] = [];
  const options = {
    replyMs: 1_000,
    maxMissed: 2,
    idleMs: 10_000,
    onMissed: (why: string) => heard.push(`repeat: ${why}`),
    onGivenUp: (why: string) => heard.push(`given up: ${why}`),
    onSilence: (times: number) => heard.push(`silence ${times}`),
  };
  const patience = new Patience(options, over.signal);
  const begin = () => {
    const speech = {};
    patience.begins(speech);
    return {
      /** Heard for so long. */
      sounds(ms: number) {
        for (let at = 0; at < ms; at += FRAME_MS) {
          patience.heard(Date.now() + FRAME_MS);
          wait(FRAME_MS);
        }
        return this;
      },
      ends: (wasInterrupted = false) => patience.ends(speech, wasInterrupted),
    };
  };
  const callerSays = (ms = 0) => {
    for (let at = 0; at <= ms; at += 200) {
      patience.words();
      wait(Math.min(200, ms - at));
    }
  };
  const callerSounds = (ms: number) => {
    for (let at = 0; at < ms; at += 32) {
      patience.voice(32);
      wait(32);
    }
  };
  return { patience, heard, over, begin, callerSays, callerSounds };
}

/** The caller was greeted, and it is their turn. */
function greeted() {
  const call = converse();
  call.patience.owe();
  call.begin().sounds(500).ends();
  return call;
}

describe('a caller who has said something', () => {
  test('is asked to repeat when no reply is heard in time', () => {
    const { heard, callerSays } = greeted();
    callerSays();
    wait(999);
    expect(heard).toEqual([]);
    wait(1);
    expect(heard).toEqual(['repeat: no reply was heard in time']);
  });

  test('and hears the reply to its end is asked nothing', () => {
    const { heard, callerSays, begin } = greeted();
    callerSays();
    wait(900);
    begin().sounds(5_000).ends();
    wait(9_900);
    expect(heard).toEqual([]);
  });

  test('is not interrupted while they speak on, by words or by voice', () => {
    const { heard, callerSays, callerSounds } = greeted();
    callerSays(5_000);
    callerSounds(900);
    wait(900);
    expect(heard).toEqual([]);
    wait(100);
    expect(heard).toHaveLength(1);
  });

  test('is answered in the midst of a noise that sounds like a voice', () => {
    const { heard, callerSays, callerSounds } = greeted();
    callerSays();
    callerSounds(2_100);
    expect(heard).toEqual(['repeat: no reply was heard in time']);
  });

  test('is asked to repeat when the reply stops in its middle, though it never ends', () => {
    const { heard, callerSays, begin } = greeted();
    callerSays();
    begin().sounds(3_000);
    wait(990);
    expect(heard).toEqual([]);
    wait(60);
    expect(heard).toEqual(['repeat: the reply stopped in its middle']);
  });

  test('is asked at once when the reply ends without a sound', () => {
    const { heard, callerSays, begin } = greeted();
    callerSays();
    wait(500);
    begin().ends();
    wait(200);
    expect(heard).toEqual(['repeat: the reply came to nothing']);
  });

  test('is asked at once when a provider has given the reply up, however much was heard', () => {
    const { patience, heard, callerSays, begin } = greeted();
    callerSays();
    const reply = begin().sounds(2_000);
    patience.fails();
    reply.ends();
    wait(100);
    expect(heard).toEqual(['repeat: the reply came to nothing']);
    wait(100);
    expect(heard).toHaveLength(1);
  });

  test('is not asked in mid-sentence, although the reply is lost', () => {
    const { heard, callerSays, begin } = greeted();
    callerSays();
    begin().ends();
    callerSays(1_600);
    expect(heard).toEqual([]);
    wait(700);
    expect(heard).toHaveLength(1);
  });

  test('is asked when most of the reply is silence', () => {
    const { patience, heard, callerSays, begin } = greeted();
    callerSays();
    const reply = begin();
    for (let sound = 0; sound < 5; sound++) {
      reply.sounds(100);
      wait(300);
      patience.starved(300);
    }
    expect(heard).toEqual(['repeat: the reply was more silence than speech']);
  });

  test('over the agent waits for another reply than the one that is broken off', () => {
    const { heard, callerSays, begin } = greeted();
    callerSays();
    const first = begin().sounds(1_000);
    callerSays();
    first.sounds(200).ends(true);
    wait(1_000);
    expect(heard).toEqual(['repeat: no reply was heard in time']);
  });
});

describe('misses in a row', () => {
  test('three of them end the call; asking to repeat is no reply', () => {
    const { heard, callerSays, begin } = greeted();
    for (let turn = 0; turn < 3; turn++) {
      callerSays();
      wait(1_000);
      begin().sounds(500).ends();
    }
    expect(heard.map((line) => line.split(':')[0])).toEqual(['repeat', 'repeat', 'given up']);
  });

  test('a real reply starts the count anew', () => {
    const { heard, callerSays, begin } = greeted();
    for (let turn = 0; turn < 4; turn++) {
      callerSays();
      wait(1_000);
      begin().sounds(500).ends();
      callerSays();
      begin().sounds(500).ends();
    }
    expect(heard.map((line) => line.split(':')[0])).toEqual(Array(4).fill('repeat'));
  });

  test('not even the question is heard: the call is given up', () => {
    const { heard, callerSays, begin } = greeted();
    callerSays();
    wait(1_000);
    begin();
    wait(1_000);
    expect(heard).toEqual([
      'repeat: no reply was heard in time',
      'given up: no reply was heard in time',
    ]);
  });

  test('a reply that was given up and fails then is missed once', () => {
    const { patience, heard, callerSays, begin } = greeted();
    callerSays();
    const reply = begin();
    wait(1_000);
    patience.fails();
    reply.ends(true);
    begin().sounds(500).ends();
    wait(5_000);
    expect(heard).toEqual(['repeat: no reply was heard in time']);
  });
});

test('a greeting that is not heard is missed like a reply', () => {
  const { patience, heard, begin } = converse();
  patience.owe();
  begin().ends();
  wait(500);
  expect(heard).toEqual(['repeat: the reply came to nothing']);
});

describe('a voice without words', () => {
  test('is somebody who is not understood', () => {
    const { heard, callerSounds } = greeted();
    callerSounds(1_100);
    wait(1_000);
    expect(heard).toEqual(['repeat: the caller spoke and no word was recognised']);
  });

  test('is a cough or a "mm-hm" when it is short, however many of them come', () => {
    const { heard, callerSounds } = greeted();
    for (let cough = 0; cough < 5; cough++) {
      callerSounds(300);
      wait(2_500);
    }
    expect(heard).toEqual([]);
  });

  test('over the speech of the agent is nothing', () => {
    const { heard, callerSays, callerSounds, begin } = greeted();
    callerSays();
    const reply = begin().sounds(500);
    callerSounds(900);
    reply.sounds(500).ends();
    wait(5_000);
    expect(heard).toEqual([]);
  });
});

test('silence on both sides is noticed again and again, until the caller speaks', () => {
  const { heard, begin, callerSays } = greeted();
  const ask = () => begin().sounds(500).ends();
  wait(10_000);
  ask();
  wait(10_000);
  ask();
  callerSays();
  ask();
  wait(10_000);
  expect(heard).toEqual(['silence 1', 'silence 2', 'silence 1']);
});

test('nobody is missed while nobody is on the line', () => {
  const { patience, heard, begin, callerSays, callerSounds } = converse();
  callerSays();
  callerSounds(2_000);
  wait(20_000);
  patience.owe();
  const greeting = begin().sounds(200);
  patience.rest();
  greeting.ends(true);
  wait(20_000);
  expect(heard).toEqual([]);
  patience.owe();
  wait(1_000);
  expect(heard).toHaveLength(1);
});

test('whether anything was heard since the caller spoke', () => {
  const { patience, callerSays, begin } = greeted();
  expect(patience.isUnanswered).toBe(false);
  callerSays();
  expect(patience.isUnanswered).toBe(true);
  begin().sounds(100);
  expect(patience.isUnanswered).toBe(false);
});

test('nothing happens once the call is over', () => {
  const { heard, over, begin, callerSays } = greeted();
  callerSays();
  over.abort();
  begin().ends();
  callerSays();
  wait(60_000);
  expect(heard).toEqual([]);
});
