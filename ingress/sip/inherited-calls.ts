import type { Logger } from 'pino';
import type { Reporter } from '../../calls/reporter.ts';
import type { Reach } from './dialog.ts';
import type { LastRoom, LastWords } from './last-words.ts';
import { retransmit } from './retransmit.ts';

export interface InheritedCallsOptions {
  readonly reach: Reach;
  readonly reporter: Pick<Reporter, 'report'>;
  /** Never throws. */
  readonly endRoom: (room: LastRoom) => Promise<void>;
  readonly log: Logger;
}

/**
 * The calls of processes that were killed: their callers hear nothing, and would until they hang up.
 * Each is told so, over UDP until it answers, and so are the record and the room.
 */
export class InheritedCalls {
  readonly #options: InheritedCallsOptions;
  /** By the branch that answers carry. */
  readonly #repeating = new Map<string, () => void>();

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
      this.#say(call).catch((error: unknown) =>
        log.warn({ err: error }, 'the caller cannot be told'),
      );
    }
  }

  /** An answer, or an ACK: false when it belongs to something else. */
  settle(branch: string | undefined): boolean {
    const stop = this.#repeating.get(branch ?? '');
    stop?.();
    return stop !== undefined;
  }

  close(): void {
    for (const stop of this.#repeating.values()) stop();
  }

  async #say({ text, protocol, host, port }: LastWords): Promise<void> {
    const flow = await this.#options.reach(protocol, host, port);
    await flow.send(text);
    const branch = /^Via:[^\r]*;branch=([^;\s]+)/im.exec(text)?.[1];
    if (protocol !== 'UDP' || branch === undefined) return;
    this.#repeating.set(
      branch,
      retransmit(() => {
        flow.send(text).catch(() => this.settle(branch));
      }),
    );
  }
}
