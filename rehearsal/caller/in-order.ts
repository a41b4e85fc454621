import type { CallEvent } from './call-events.ts';

/**
 * Passes events on in the order in which they happened. What was heard takes a moment to be
 * understood, and what happens meanwhile waits for it.
 */
export function inOrder(emit: (event: CallEvent) => void): (event: CallEvent) => void {
  const waiting: CallEvent[] = [];
  return (event) => {
    const place = waiting.findIndex(({ type, at }) => type === 'hearing' && at === event.at);
    if (event.type === 'heard' && place >= 0) waiting[place] = event;
    else waiting.push(event);
    for (;;) {
      const next = waiting[0];
      if (next === undefined || next.type === 'hearing') return;
      waiting.shift();
      emit(next);
    }
  };
}
