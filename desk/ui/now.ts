import { signal } from '@preact/signals';

/** Ticks once a second while the page is seen; for durations that grow. */
export const now = signal(Date.now());

setInterval(() => {
  if (document.visibilityState === 'visible') now.value = Date.now();
}, 1_000);
