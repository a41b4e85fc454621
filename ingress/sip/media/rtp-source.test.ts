import { expect, test } from 'vitest';
import { RtpSource } from './rtp-source.ts';

test('numbers go on over their wrap-around', () => {
  const source = new RtpSource();
  source.accept(1, 0xffff, 0xffff_ff60);
  expect(source.accept(1, 0, 0)).toEqual({
    sequence: 0x1_0000,
    timestamp: 0x1_0000_0000,
    restarted: false,
  });
  expect(source.accept(1, 0xfffe, 0xffff_fec0)?.sequence).toBe(0xfffe);
});

test('a stray packet of another source changes nothing', () => {
  const source = new RtpSource();
  source.accept(1, 100, 0);
  expect(source.accept(2, 5_000, 0)).toBeUndefined();
  expect(source.accept(1, 30_000, 0)).toBeUndefined();
  expect(source.accept(1, 101, 160)).toMatchObject({ sequence: 101, restarted: false });
});

test.each([
  ['another SSRC', 2, 7],
  ['a sequence that jumped', 1, 40_000],
  ['a sequence that started again', 1, 65_000],
])('%s is taken once two of its packets follow each other', (_what, ssrc, sequence) => {
  const source = new RtpSource();
  expect(source.accept(1, 100, 0)?.restarted).toBe(true);
  expect(source.accept(ssrc, sequence, 9_000)).toBeUndefined();
  expect(source.accept(ssrc, sequence + 1, 9_160)).toEqual({
    sequence: sequence + 1,
    timestamp: 9_160,
    restarted: true,
  });
  expect(source.accept(ssrc, sequence + 2, 9_320)?.restarted).toBe(false);
});

test('jitter is RFC 3550 §6.4.1: none on a steady stream, a sixteenth of a deviation at once', () => {
  const source = new RtpSource();
  for (let i = 0; i < 10; i++) source.measure(i * 160, i * 20);
  expect(source.jitter).toBe(0);
  source.measure(1_600, 216);
  expect(source.jitter).toBe(1);
});
