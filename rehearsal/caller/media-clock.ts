import { performance } from 'node:perf_hooks';
import { FRAME_MS } from './frame.ts';

/** Further behind than this we skip frames: a real telephone does not talk faster afterwards. */
const MAX_BEHIND_MS = 200;

export interface MediaClock {
  /** Frames skipped because this process got no CPU in time. */
  readonly skipped: number;
  /** The longest that a frame was sent after its time, ms. */
  readonly worstLatenessMs: number;
  stop(): void;
}

/**
 * Calls `onFrame` 50 times a second without drift: each deadline is counted from the start, so a
 * late timer makes its frame late and not the ones after it. `onSkip` tells of frames that will not
 * come.
 */
export function startMediaClock(onFrame: () => void, onSkip: (frames: number) => void): MediaClock {
  const start = performance.now();
  let frames = 0;
  let skipped = 0;
  let worstLatenessMs = 0;
  let stopped = false;
  const tick = (): void => {
    let behind = performance.now() - (start + frames * FRAME_MS);
    worstLatenessMs = Math.max(worstLatenessMs, behind);
    if (behind > MAX_BEHIND_MS) {
      const missed = Math.floor(behind / FRAME_MS);
      skipped += missed;
      onSkip(missed);
      frames += missed;
      behind -= missed * FRAME_MS;
    }
    for (; behind >= 0; behind -= FRAME_MS) {
      frames += 1;
      onFrame();
    }
    // Node rounds down to whole milliseconds and fires no earlier, so ask for the next whole one.
    if (!stopped) timer = setTimeout(tick, Math.max(1, Math.ceil(-behind)));
  };
  let timer = setTimeout(tick, 0);
  return {
    get skipped() {
      return skipped;
    },
    get worstLatenessMs() {
      return worstLatenessMs;
    },
    stop() {
      stopped = true;
      clearTimeout(timer);
    },
  };
}
