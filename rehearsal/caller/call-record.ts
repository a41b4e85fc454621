import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';

/** How long the record of a call may take to be complete after we hung up, ms. */
const PATIENCE_MS = 5_000;
const EVERY_MS = 250;

/** The part of `GET /v1/calls/{id}` that a caller shows. */
const Record = z.object({
  id: z.string(),
  state: z.string(),
  endedBy: z.string().nullish(),
  endReason: z.string().nullish(),
  legs: z.array(z.object({ sipCallIdFull: z.string().optional() })),
});
const Records = z.object({ data: z.array(Record) });
const Transcript = z.object({
  turns: z.array(
    z.object({
      who: z.enum(['caller', 'agent']),
      text: z.string(),
      interrupted: z.boolean().optional(),
      latency: z
        .object({
          stt: z.number().optional(),
          endpointing: z.number().optional(),
          llmFirstToken: z.number().optional(),
          ttsFirstByte: z.number().optional(),
          total: z.number().optional(),
        })
        .optional(),
    }),
  ),
});

export interface CallRecord {
  readonly call: z.infer<typeof Record>;
  readonly turns: z.infer<typeof Transcript>['turns'];
}

export interface CallServiceAccess {
  /** Base URL, e.g. `http://127.0.0.1:8080`. */
  readonly url: string;
  readonly apiKey: string;
}

/** The call service's own record of our call; undefined when it has none, or cannot be asked. */
export async function findCallRecord(
  { url, apiKey }: CallServiceAccess,
  sipCallId: string,
): Promise<CallRecord | undefined> {
  const get = async <T>(path: string, schema: z.ZodType<T>): Promise<T> => {
    const headers = { authorization: `Bearer ${apiKey}` };
    const response = await fetch(`${url}${path}`, { headers, signal: AbortSignal.timeout(2_000) });
    return schema.parse(await response.json());
  };
  try {
    const deadline = performance.now() + PATIENCE_MS;
    for (;;) {
      const { data } = await get('/v1/calls?limit=20', Records);
      const call = data.find(({ legs }) => legs.some((leg) => leg.sipCallIdFull === sipCallId));
      const complete = call && ['ended', 'failed'].includes(call.state);
      if (complete || performance.now() > deadline) {
        if (!call) return undefined;
        return { call, ...(await get(`/v1/calls/${call.id}/transcript`, Transcript)) };
      }
      await delay(EVERY_MS);
    }
  } catch {
    return undefined; // Not our service, not our key, or gone: the call itself was measured.
  }
}
