import { z } from 'zod';

const words = z.string().max(2_000);

/**
 * What a call is at in this moment: for those who look on, and then forgotten. What it comes to is in
 * the turns of the record.
 */
export const Activity = z.object({
  agent: z.enum(['listening', 'thinking', 'speaking']).optional(),
  /** What the caller is saying, as far as it is understood; empty: nothing. */
  hearing: words.optional(),
  /** What the agent is saying, as far as the caller has heard it; empty: nothing. */
  saying: words.optional(),
});
export type Activity = z.infer<typeof Activity>;

/** By the agent's job. */
export const ActivityNotes = z.object({
  notes: z.array(z.object({ jobId: z.string().max(64), activity: Activity })).max(1_000),
});
export type ActivityNotes = z.infer<typeof ActivityNotes>;
