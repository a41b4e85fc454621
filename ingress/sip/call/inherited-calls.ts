import type { Logger } from 'pino';
import { Timers } from 'sip.js/lib/core/index.js';
import type { Reporter } from '../../../reporting/reporter.ts';
import type { Reach } from '../signalling/dialog.ts';
import type { LastRoom, LastWords, LastWordsStore } from '../signalling/last-words.ts';
import { retransmit } from '../signalling/retransmit.ts';

/** Timers F and H of RFC 3261: whoever has not answered by then is gone, ms. */
const GIVE_UP_MS = 64 * Timers.T1;

export interface InheritedCallsOptions {
  readonly reach: Reach;
  readonly reporter: Pick<Reporter, 'report'>;
  /** Never throws. */
  readonly endRoom: (room: LastRoom) => Promise<void>;
  readonly lastWords: Pick<LastWordsStore, 'write' | 'remove'>;
  readonly log: Logger;
}

/**
 * The calls of processes that were killed: their callers hear nothing, and would until they hang up.
 * Each is told so, over UDP until it answers, and so are the record and the room. Until then this
 * process keeps the note as its own, for the next one if it is killed as well.
 */
export class InheritedCalls {
  readonly #options: InheritedCallsOptions;
  /** What ends the telling, by the branch that answers carry. */
  readonly #told = new Map<string, () => void>();

  constructor(options: InheritedCallsOptions) {
    this.#options = options;
  }

  end(calls: readonly LastWords[]): void {
    for (const call of calls) {
      const { sipCallId, roomName, roomSid } = call;
      const log = this.#options.log.child({ sipCallId });
      log.warn('the process that held this call is gone, the call is ended');
      this.#options.reporter.report(
        { sipCallId, roomName },
        { type: 'leg.ended', data: { endedBy: 'system', endReason: 'service_lost' } },
      );
      if (roomSid !== '') void this.#options.endRoom(call);
      this.#tell(call, log);
    }
  }

  /** An answer, or an ACK: false when it belongs to something else. */
  settle(branch: string | undefined): boolean {
    const finish = this.#told.get(branch ?? '');
    finish?.();
    return finish !== undefined;
  }

  close(): void {
    for (const finish of this.#told.values()) finish();
  }

  #tell(call: LastWords, log: Logger): void {
    const { lastWords } = this.#options;
    const { sipCallId, text } = call;
    const branch = /^Via:[^\r]*;branch=([^;\s]+)/im.exec(text)?.[1] ?? sipCallId;
    const told = new AbortController();
    const finish = () => {
      told.abort();
      clearTimeout(limit);
      lastWords.remove(sipCallId);
    };
    const limit = setTimeout(finish, GIVE_UP_MS);
    lastWords.write(sipCallId, call);
    // Before anything is sent: the answer may come at once.
    this.#told.set(branch, finish);
    this.#send(call, told.signal).catch((error: unknown) => {
      log.warn({ err: error }, 'the caller cannot be told');
      finish();
    });
  }

  async #send({ text, protocol, host, port }: LastWords, told: AbortSignal): Promise<void> {
    const flow = await this.#options.reach(protocol, host, port);
    if (told.aborted) return;
    if (protocol === 'UDP') {
      const stop = retransmit(() => void flow.send(text).catch(() => undefined));
      told.addEventListener('abort', stop);
    }
    await flow.send(text);
  }
}
