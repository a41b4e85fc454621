import { parseTelephoneEvent } from './telephone-event.ts';

/** An event longer than its duration field goes on under a timestamp this much later. */
const SEGMENT = 0xffff;

/**
 * Digits out of telephone-event packets (RFC 4733). An event is many packets with one timestamp:
 * the first that arrives counts, so a lost beginning or a lost end changes nothing, and the
 * repeated end packets are no new digit.
 */
export class DtmfReceiver {
  #last: { timestamp: number; digit: string } | undefined;

  /** @param timestamp - without wrap-around. @returns the digit when a new one began. */
  accept(timestamp: number, payload: Uint8Array): string | undefined {
    const event = parseTelephoneEvent(payload);
    if (event === undefined) return undefined;
    const last = this.#last;
    if (last !== undefined && timestamp <= last.timestamp) return undefined;
    this.#last = { timestamp, digit: event.digit };
    const continued = timestamp - (last?.timestamp ?? -Infinity) === SEGMENT;
    return continued && event.digit === last?.digit ? undefined : event.digit;
  }

  /** A new stream: its timestamps have nothing to do with the old one's. */
  restart(): void {
    this.#last = undefined;
  }
}
