import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { RefusalCause, explainRefusal } from '../calls/refusals.ts';
import type { RefusalNote, RefusalNotes } from '../calls/refusals.ts';

/** Kinds of refusals that are remembered: the latest. */
const MAX_KINDS = 100;

export const RefusalView = z.object({
  cause: RefusalCause,
  sipCode: z.number().int(),
  address: z.string().describe('IP address that it came from'),
  dialled: z.string().optional().describe('as far as it was read'),
  count: z.number().int(),
  firstAt: z.iso.datetime(),
  lastAt: z.iso.datetime(),
  sentence: z.string(),
  nextSteps: z.array(z.string()),
});
type RefusalView = z.infer<typeof RefusalView>;

/**
 * INVITEs that made no call, as the built-in SIP endpoint tells of them; alike ones are counted.
 * Only here in memory: whoever scans the internet for telephones is to fill no database.
 */
export class RefusalBoard {
  readonly #kinds = new Map<string, { note: RefusalNote; count: number; firstAt: string }>();

  take({ notes }: RefusalNotes): void {
    for (const note of notes) {
      const { cause, address, dialled, at } = note;
      const kind = JSON.stringify([cause, address, dialled]);
      const known = this.#kinds.get(kind);
      // Again at the end: the latest are kept.
      this.#kinds.delete(kind);
      this.#kinds.set(kind, {
        note,
        count: (known?.count ?? 0) + 1,
        firstAt: known?.firstAt ?? at,
      });
      const [oldest] = this.#kinds.keys();
      if (this.#kinds.size > MAX_KINDS && oldest !== undefined) this.#kinds.delete(oldest);
    }
  }

  /** The latest first. */
  list(): RefusalView[] {
    return [...this.#kinds.values()].toReversed().map(({ note, count, firstAt }) => {
      const { at: lastAt, ...rest } = note;
      const { sentence, nextSteps } = explainRefusal(note);
      return { ...rest, count, firstAt, lastAt, sentence, nextSteps: [...nextSteps] };
    });
  }
}

/** `/v1/refusals` */
export function refusalsRoute(board: RefusalBoard): FastifyPluginAsyncZod {
  return async (app) => {
    app.get(
      '/v1/refusals',
      {
        schema: {
          tags: ['calls'],
          summary: 'INVITEs that made no call, the latest first, and why',
          description:
            'Of the built-in SIP endpoint, since this call service was started. What livekit-sip refuses, it tells nobody.',
          response: { 200: z.object({ data: z.array(RefusalView) }) },
        },
      },
      async () => ({ data: board.list() }),
    );
  };
}
