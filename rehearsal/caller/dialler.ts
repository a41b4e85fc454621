import { dtmfCode } from '../../ingress/sip/media/telephone-event.ts';
import { FRAME_SAMPLES } from './frame.ts';

/** Length of a key press, in packets of 20 ms. */
const PRESS_PACKETS = 6;
/** The end is sent three times, against loss (RFC 4733 §2.5.1.4). */
const END_PACKETS = 3;
/** Silence after a key press, in packets of 20 ms. */
const PAUSE_PACKETS = 10;

export interface KeyPacket {
  readonly digit: string;
  /** RFC 4733 table 3 */
  readonly event: number | undefined;
  readonly durationSamples: number;
  readonly first: boolean;
  readonly end: boolean;
}

/** Presses keys one after the other, a packet each 20 ms. Throws for what is no key. */
export function createDialler(digits: string) {
  const keys = digits.toUpperCase().split('');
  const bad = keys.find((key) => dtmfCode(key) === undefined);
  if (bad !== undefined) throw new Error(`not a telephone key: ${bad}`);
  let packet = 0;
  return {
    /** The event packet to send instead of audio; undefined: send audio. */
    nextPacket(): KeyPacket | undefined {
      const digit = keys[0];
      if (digit === undefined) return undefined;
      const number = packet;
      packet += 1;
      if (number < PRESS_PACKETS + END_PACKETS) {
        return {
          digit,
          event: dtmfCode(digit),
          durationSamples: Math.min(number + 1, PRESS_PACKETS) * FRAME_SAMPLES,
          first: number === 0,
          end: number >= PRESS_PACKETS,
        };
      }
      if (packet === PRESS_PACKETS + END_PACKETS + PAUSE_PACKETS) {
        keys.shift();
        packet = 0;
      }
      return undefined;
    },
    get done() {
      return keys.length === 0;
    },
  };
}
