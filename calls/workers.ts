import { z } from 'zod';

/** Told this often, and gone when it was not told for three times as long, ms. */
export const WORKER_TOLD_EVERY_MS = 5_000;

/** An agent worker as it is now. */
export const WorkerNote = z.object({
  /** LiveKit's, `AW_…`; absent before the first registration. */
  id: z.string().max(64).optional(),
  /** Of its process, so that one that registers anew is still the same. */
  process: z.string().max(64),
  agentName: z.string().max(64),
  registered: z.boolean(),
  /** It takes calls: it neither starts nor drains. */
  ready: z.boolean(),
  activeCalls: z.number().int().nonnegative(),
  freeCalls: z.number().int().nonnegative(),
});
export type WorkerNote = z.infer<typeof WorkerNote>;
