import * as fc from 'fast-check';
import { beforeEach, expect, test } from 'vitest';
import { JitterBuffer } from './jitter-buffer.ts';

/** Audio of packet n is the constant n+1 (times 100), so that what comes out says where it is from. */
const level = (n: number) => (n + 1) * 100;

let frames: Int16Array[];
let buffer: JitterBuffer;

beforeEach(() => {
  frames = [];
  buffer = new JitterBuffer((frame) => frames.push(frame));
});

/** Packet n of a 20 ms stream arrives. */
function arrive(n: number, now: number, samples = 160, target = buffer): void {
  const pcm = new Int16Array(samples).fill(level(n));
  target.insert({ sequence: 1_000 + n, timestamp: 50_000 + n * samples, pcm }, now);
}

/** The packets that the frames' ends are from; 0.5 and the like: concealed, fading. */
function played(): number[] {
  return frames.map((frame) => (frame.at(-1) as number) / 100 - 1);
}

/** Lets time pass as the session's timer would. */
function tickUntil(end: number): void {
  while (buffer.deadline <= end) buffer.tick(buffer.deadline);
}

test('what comes in order goes out at once', () => {
  arrive(0, 0);
  expect(played()).toEqual([0]);
  arrive(1, 33);
  expect(played()).toEqual([0, 1]);
});

test.each([
  ['10 ms', 80],
  ['30 ms', 240],
])('packets of %s become frames of 20', (_what, samples) => {
  for (let n = 0; n < 6; n++) arrive(n, n * (samples / 8), samples);
  expect(frames.map((frame) => frame.length)).toEqual(Array((6 * samples) / 160).fill(160));
});

test('reordered packets are put in order', () => {
  arrive(0, 0);
  arrive(2, 20);
  expect(played()).toEqual([0]);
  arrive(1, 25);
  expect(played()).toEqual([0, 1, 2]);
  expect(buffer).toMatchObject({ lost: 0, late: 0, concealed: 0 });
});

test('duplicates are played once', () => {
  arrive(0, 0);
  arrive(0, 1);
  arrive(2, 20);
  arrive(2, 21);
  arrive(1, 22);
  arrive(1, 23);
  expect(played()).toEqual([0, 1, 2]);
  expect(buffer).toMatchObject({ lost: 0, late: 0 });
});

test('a lost packet is concealed once its successor has waited for it', () => {
  arrive(0, 0);
  arrive(2, 40);
  tickUntil(59);
  expect(played()).toEqual([0]);
  tickUntil(60);
  expect(frames).toHaveLength(3);
  expect(played()[2]).toBe(2);
  expect(buffer).toMatchObject({ lost: 1, late: 0, concealed: 1 });
});

test('several losses at once are each filled', () => {
  arrive(0, 0);
  arrive(2, 40);
  arrive(5, 55);
  tickUntil(79);
  expect(frames).toHaveLength(3);
  arrive(6, 80);
  tickUntil(100);
  expect(frames).toHaveLength(7);
  expect(buffer.lost).toBe(3);
});

test('who comes after being given up is late, and the wait grows for the next', () => {
  arrive(0, 0);
  arrive(2, 40);
  tickUntil(60);
  arrive(1, 61);
  expect(buffer).toMatchObject({ lost: 0, late: 1 });
  arrive(4, 80);
  tickUntil(110);
  arrive(3, 111);
  expect(played().slice(-2)).toEqual([3, 4]);
});

test('when nothing comes the gap is filled in real time, fading, then silent', () => {
  arrive(0, 0);
  tickUntil(59);
  expect(frames).toHaveLength(1);
  tickUntil(60);
  expect(frames).toHaveLength(2);
  tickUntil(1_060);
  expect(frames).toHaveLength(52);
  expect(frames.at(-1)).toEqual(new Int16Array(160));
  expect(buffer.concealed).toBe(3);
});

test('speech that a stall delayed is played all the same', () => {
  arrive(0, 0);
  tickUntil(150);
  const filled = frames.length;
  for (let n = 1; n <= 7; n++) arrive(n, 150);
  expect(played().slice(filled)).toEqual([1, 2, 3, 4, 5, 6, 7]);
  expect(buffer.lost).toBe(0);
});

test('of a long stall only the end is played', () => {
  arrive(0, 0);
  tickUntil(3_000);
  const filled = frames.length;
  for (let n = 1; n <= 150; n++) arrive(n, 3_000);
  const late = played().slice(filled);
  expect(late.at(-1)).toBe(150);
  expect(late.length).toBeLessThanOrEqual(25);
  expect(late.length).toBeGreaterThanOrEqual(15);
});

test('of a long stall that is made up for at twice the pace only the end is played', () => {
  arrive(0, 0);
  tickUntil(3_000);
  for (let n = 1; n <= 300; n++) {
    tickUntil(3_000 + n * 10);
    arrive(n, 3_000 + n * 10);
  }
  expect(played().slice(-15)).toEqual(Array.from({ length: 15 }, (_, index) => 286 + index));
  // 6 s have passed, and no more than 0.4 s beyond that have gone out.
  expect(frames.length).toBeLessThanOrEqual((6_000 + 400 + 20) / 20);
});

test.each([
  ['20 ms', 160],
  ['30 ms', 240],
])(
  'speech of %s after a pause that the timestamps did not see is heard from its first packet',
  (_what, samples) => {
    const ms = samples / 8;
    for (let n = 0; n < 50; n++) arrive(n, n * ms, samples);
    const begins = 50 * ms + 3_000;
    tickUntil(begins - 1);
    const before = frames.length;
    for (let n = 50; n < 100; n++) {
      const now = begins + (n - 50) * ms;
      tickUntil(now);
      arrive(n, now, samples);
    }
    tickUntil(begins + 50 * ms - 1);
    const heard = frames.slice(before).flatMap((frame) => [...frame]);
    for (let n = 50; n < 100; n++) {
      expect(heard.filter((sample) => sample === level(n)).length).toBeGreaterThan(samples * 0.7);
    }
    // Silence stands in for it while it is told from a stall, and no longer.
    expect(frames.length - before).toBeLessThanOrEqual((50 * ms + 60) / 20);
    expect(buffer).toMatchObject({ lost: 0, late: 0 });
  },
);

test('a lone word after such a pause is heard', () => {
  arrive(0, 0);
  tickUntil(3_000);
  const before = frames.length;
  arrive(1, 3_000);
  tickUntil(3_100);
  expect(played().slice(before)).toContain(1);
});

test('what comes after a hold is heard at once', () => {
  arrive(0, 0);
  tickUntil(3_000);
  buffer.resume();
  const before = frames.length;
  buffer.insert({ sequence: 1_001, timestamp: 50_160, pcm: undefined }, 3_001);
  arrive(2, 3_002);
  arrive(3, 3_022);
  expect(played().slice(before)).toEqual([2, 3]);
  expect(buffer).toMatchObject({ lost: 0, late: 0 });
});

test('a path that became slower for good is followed', () => {
  arrive(0, 0);
  for (let n = 1; n <= 50; n++) {
    tickUntil(n * 20 + 1_000);
    arrive(n, n * 20 + 1_000);
  }
  expect(played().slice(-10)).toEqual([41, 42, 43, 44, 45, 46, 47, 48, 49, 50]);
});

test('after silence suppression the count of samples matches the clock', () => {
  arrive(0, 0);
  tickUntil(1_000);
  buffer.insert(
    { sequence: 1_001, timestamp: 50_000 + 50 * 160, pcm: new Int16Array(160).fill(level(50)) },
    1_000,
  );
  expect(played().at(-1)).toBe(50);
  expect(frames).toHaveLength(51);
  expect(buffer).toMatchObject({ lost: 0, late: 0 });
});

test('packets without audio are no loss, and nothing is repeated after them', () => {
  arrive(0, 0);
  buffer.insert({ sequence: 1_001, timestamp: 50_160, pcm: undefined }, 20);
  tickUntil(200);
  expect(frames.slice(1)).toEqual(frames.slice(1).map(() => new Int16Array(160)));
  expect(buffer).toMatchObject({ lost: 0, concealed: 0 });
});

test('a stall of this process is not made up for', () => {
  arrive(0, 0);
  buffer.tick(10_000);
  expect(frames.length).toBeLessThanOrEqual(5);
});

test('a new stream starts anew', () => {
  arrive(0, 0);
  buffer.restart();
  expect(buffer.deadline).toBe(Infinity);
  buffer.insert({ sequence: 5, timestamp: 3, pcm: new Int16Array(160).fill(7) }, 20);
  expect(frames.at(-1)?.at(-1)).toBe(7);
});

test('whatever comes in whatever order: whole frames, nothing played twice, time never waits', () => {
  const step = fc.record({
    n: fc.nat(60),
    after: fc.integer({ min: 0, max: 200 }),
    audio: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const out: Int16Array[] = [];
      const tested = new JitterBuffer((frame) => out.push(frame));
      let now = 0;
      for (const { n, after, audio } of steps) {
        now += after;
        while (tested.deadline <= now) {
          const { deadline } = tested;
          tested.tick(deadline);
          expect(tested.deadline).toBeGreaterThan(deadline);
        }
        if (audio) arrive(n, now, 160, tested);
        else tested.insert({ sequence: 1_000 + n, timestamp: 50_000, pcm: undefined }, now);
      }
      expect(out.every((frame) => frame.length === 160)).toBe(true);
      expect(tested.lost).toBeGreaterThanOrEqual(0);
    }),
  );
});
