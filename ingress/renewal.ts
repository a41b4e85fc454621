/**
 * rtc-node 0.13 keeps some 0.4 MB of every room for good (livekit/node-sdks#514): after some 2,000
 * calls the endpoint is to be started again, between two calls, bytes.
 */
const MOST_MEMORY = 1024 ** 3;
const LOOK_EVERY_MS = 10_000;

export interface RenewalOptions {
  readonly activeCalls: () => number;
  /** Resident memory, bytes. */
  readonly memory: () => number;
  /** Ends this process; who supervises it starts the next one. */
  readonly renew: () => void;
}

/** Ends the process when it has grown too large and nobody is on the line. */
export function renewWhenIdle({ activeCalls, memory, renew }: RenewalOptions): void {
  const timer = setInterval(() => {
    if (activeCalls() > 0 || memory() < MOST_MEMORY) return;
    clearInterval(timer);
    renew();
  }, LOOK_EVERY_MS);
  timer.unref();
}
