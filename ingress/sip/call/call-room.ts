import type { Logger } from 'pino';
import { SILENCE_MS } from '../../../config/silence.ts';
import type { CallLeg, CallLegOptions, LegClosed, OpenLeg } from './call-leg.ts';

/** A room that is not there by then is not coming: the carrier may try elsewhere. */
const ENTER_TIMEOUT_MS = 4_000;

export interface CallRoomEvents {
  /** An agent can be heard; once. */
  readonly onAgentReady: () => void;
  readonly onAudio: (pcm: Int16Array) => void;
  readonly onDtmf: (digit: string) => void;
  /** The agent has left and is not coming back. */
  readonly onAgentLost: () => void;
  readonly onClosed: (reason: LegClosed) => void;
}

/** The room's half of a call: from the way in to the way out, whatever goes wrong between. */
export class CallRoom {
  readonly #openLeg: OpenLeg;
  readonly #options: CallLegOptions;
  readonly #events: CallRoomEvents;
  readonly #log: Logger;
  readonly #left = new AbortController();
  #leg: CallLeg | undefined;
  #agentTimer: NodeJS.Timeout | undefined;

  constructor(openLeg: OpenLeg, options: CallLegOptions, events: CallRoomEvents) {
    this.#openLeg = openLeg;
    this.#options = options;
    this.#events = events;
    this.#log = options.log;
  }

  /**
   * Enters, with an agent dispatched.
   *
   * @returns undefined when it was left meanwhile
   * @throws when there is no room to be had
   */
  async enter(): Promise<Pick<CallLeg, 'roomSid' | 'participantSid'> | undefined> {
    const signal = AbortSignal.any([this.#left.signal, AbortSignal.timeout(ENTER_TIMEOUT_MS)]);
    const opening = this.#openLeg(this.#options, signal);
    let leg: CallLeg;
    try {
      leg = await withAbort(opening, signal);
    } catch (error) {
      void this.#leaveLate(opening);
      if (this.#left.signal.aborted) return undefined;
      throw error;
    }
    this.#leg = leg;
    this.#listen(leg);
    return leg;
  }

  write(pcm: Int16Array): void {
    this.#leg?.write(pcm);
  }

  sendDtmf(digit: string): void {
    this.#leg?.sendDtmf(digit);
  }

  /** The caller was answered: the agent may greet. @throws when the room does not take it */
  async setActive(): Promise<void> {
    await this.#leg?.setStatus('active');
  }

  /** Also while it is being entered; twice is fine. Never throws. */
  async leave(deleteRoom: boolean): Promise<void> {
    this.#left.abort();
    clearTimeout(this.#agentTimer);
    const leg = this.#leg;
    this.#leg = undefined;
    if (!leg) return;
    try {
      // As livekit-sip does: who looks at the participant sees how it left.
      await leg.setStatus('hangup').catch(() => undefined);
      await leg.close({ deleteRoom });
    } catch (error) {
      this.#log.error({ err: error }, 'room could not be left');
    }
  }

  #listen(leg: CallLeg): void {
    const { onAgentReady, onAudio, onDtmf, onAgentLost, onClosed } = this.#events;
    leg.on('agentReady', onAgentReady);
    leg.on('audio', onAudio);
    leg.on('dtmf', onDtmf);
    leg.on('agentGone', () => {
      this.#log.warn('agent has left the room');
      clearTimeout(this.#agentTimer);
      this.#agentTimer = setTimeout(onAgentLost, SILENCE_MS);
    });
    leg.on('agentBack', () => clearTimeout(this.#agentTimer));
    leg.on('closed', (reason) => {
      clearTimeout(this.#agentTimer);
      onClosed(reason);
    });
  }

  /** A leg that comes after it was given up must not stay behind in its room. */
  async #leaveLate(opening: Promise<CallLeg>): Promise<void> {
    try {
      const leg = await opening;
      await leg.close({ deleteRoom: true });
    } catch {
      // There is none.
    }
  }
}

/** Rejects when aborted, whatever the work itself makes of its signal. */
async function withAbort<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const abort = (): void => reject(signal.reason as Error);
  signal.addEventListener('abort', abort);
  try {
    return await Promise.race([work, promise]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
