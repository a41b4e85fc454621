import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { Framer } from './framer.ts';
import { SampleQueue } from './sample-queue.ts';

const pieces = fc.array(fc.int16Array({ maxLength: 500 }), { maxLength: 30 });

test('frames are the stream, cut: nothing lost, added or out of order', () => {
  fc.assert(
    fc.property(pieces, (parts) => {
      const frames: Int16Array[] = [];
      const framer = new Framer(160, (frame) => frames.push(frame));
      for (const part of parts) framer.push(part);
      const stream = parts.flatMap((part) => [...part]);
      const whole = Math.floor(stream.length / 160);
      expect(frames.map((frame) => frame.length)).toEqual(Array(whole).fill(160));
      expect(frames.flatMap((frame) => [...frame])).toEqual(stream.slice(0, whole * 160));
    }),
  );
});

test('a queue gives back what was put in, less what was dropped from its front', () => {
  fc.assert(
    fc.property(pieces, fc.nat(2_000), fc.nat(1_000), (parts, dropped, taken) => {
      const queue = new SampleQueue();
      for (const part of parts) queue.push(part);
      const stream = parts.flatMap((part) => [...part]);
      queue.dropOldest(dropped);
      const left = stream.slice(dropped);
      expect(queue.length).toBe(left.length);
      const count = Math.min(taken, queue.length);
      expect([...queue.take(count)]).toEqual(left.slice(0, count));
      expect([...queue.take(queue.length)]).toEqual(left.slice(count));
    }),
  );
});
