import { Timers } from 'sip.js/lib/core/index.js';

/**
 * Sends again over UDP until stopped: RFC 3261's timers A (an INVITE of ours, without a longest
 * interval), E (another request) and G (a final refusal of an INVITE), which SIP.js 0.21 leaves out
 * because it was made for WebSockets.
 *
 * @param send must not reject
 * @returns stops it; stops by itself after 64 × T1
 */
export function retransmit(send: () => void, longest: number = Timers.T2): () => void {
  let interval = Timers.T1;
  let timer = setTimeout(again, interval);
  const limit = setTimeout(() => clearTimeout(timer), 64 * Timers.T1);
  function again(): void {
    send();
    interval = Math.min(interval * 2, longest);
    timer = setTimeout(again, interval);
  }
  return () => {
    clearTimeout(timer);
    clearTimeout(limit);
  };
}
