import type { Logger } from 'pino';
import type { Ledger } from '../ledger/ledger.ts';
import type { Line } from '../config/config.ts';
import type { NumberPlan } from '../livekit/from-livekit.ts';
import type { LiveKitActions, LiveKitRooms } from '../livekit/livekit-api.ts';
import { OrphanRooms } from './reconcile-orphans.ts';
import { QuickLook, reconcile } from './reconcile.ts';
import { repeat } from './repeat.ts';
import type { Repeated } from './repeat.ts';
import { Rescuer } from './rescue.ts';
import { restoreAnswers } from './restore-answer.ts';

const RECONCILE_EVERY_MS = 15_000;
const QUICK_LOOK_EVERY_MS = 2_500;

export interface WatchOptions {
  readonly ledger: Ledger;
  readonly livekit: LiveKitRooms & LiveKitActions;
  readonly plan: NumberPlan;
  readonly lines: readonly Line[];
  readonly agentName: string;
  readonly log: Pick<Logger, 'info' | 'warn'>;
  readonly metrics?: WatchMetrics;
}

export interface WatchMetrics {
  /** After each comparison with LiveKit: whether it answered. */
  livekitAnswered(answered: boolean): void;
  countInferred(events: number): void;
  countRescue(step: string, reason: string): void;
}

export interface CallWatch {
  /** Begins to compare with LiveKit; before it, and after `close`, nothing is done. */
  start(): void;
  /** Resolves when what is under way has finished. Twice is fine. */
  close(): Promise<void>;
}

/**
 * Keeps the record as LiveKit is, and every caller with somebody to talk with. Any number of call
 * services may do so side by side.
 */
export function watchCalls(options: WatchOptions): CallWatch {
  const { ledger, livekit, lines, agentName, log, metrics } = options;
  const fallbackAgents = lines.flatMap(({ fallback }) => fallback?.agent ?? []);
  const agentNames = new Set([agentName, ...fallbackAgents]);
  const orphans = new OrphanRooms({ livekit, agentNames, log });
  const rescuer = new Rescuer({
    ...options,
    onStep: (step, reason) => metrics?.countRescue(step, reason),
  });
  /** Whatever is recorded is acted on at once, whoever told or found it. */
  const ignore = ledger.onRecorded((events, recorded) => {
    rescuer.heard(events, recorded);
    void restoreAnswers(options, events, recorded);
  });
  const deps = {
    ...options,
    livekit: {
      ...livekit,
      async rooms(name?: string) {
        const asked = livekit.rooms(name);
        void asked.then(
          () => metrics?.livekitAnswered(true),
          () => metrics?.livekitAnswered(false),
        );
        return asked;
      },
    },
    onInferred: (events: number) => metrics?.countInferred(events),
  };
  const quickLook = new QuickLook(deps);
  let tasks: readonly Repeated[] = [];

  async function compare(): Promise<void> {
    const now = new Date();
    await orphans.sweep(await reconcile(deps, now), now);
    await rescuer.sweep();
  }

  return {
    start() {
      tasks = [
        repeat(compare, RECONCILE_EVERY_MS, log),
        repeat(() => quickLook.run(new Date()), QUICK_LOOK_EVERY_MS, log),
      ];
    },
    async close() {
      ignore();
      await Promise.all(tasks.map((task) => task.close()));
      await rescuer.close();
    },
  };
}
