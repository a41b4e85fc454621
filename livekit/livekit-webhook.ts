import { z } from 'zod';

/**
 * LiveKit's WebhookEvent in the JSON mapping of protobuf: fields at their default are left out,
 * 64-bit integers are strings, unknown fields come with every release.
 */
const int64 = z.union([z.string().regex(/^\d{1,16}$/), z.number().int().nonnegative()]);

/** By name; by number where the sender does not know the name. */
const enumeration = z.union([z.string(), z.number()]).transform(String);

const LiveKitRoom = z.object({
  sid: z.string().optional(),
  name: z.string().optional(),
  creationTimeMs: int64.optional(),
});

/** By which of our ways in they came: `sip`, `browser`. */
export const INGRESS = 'trunkline.ingress';

/** What somebody with a token of ours is there for, where they are no caller. */
export const ROLE = 'trunkline.role';
export const LISTENER = 'listener';

export const LiveKitParticipant = z.object({
  sid: z.string().optional(),
  identity: z.string().optional(),
  kind: enumeration.optional(),
  joinedAtMs: int64.optional(),
  attributes: z.record(z.string(), z.string()).optional(),
  disconnectReason: enumeration.optional(),
  /** Of lists: has tracks. */
  isPublisher: z.boolean().optional(),
});
export type LiveKitParticipant = z.infer<typeof LiveKitParticipant>;

/**
 * Whether they are who the call is with: on the telephone, or by a browser that we let in. Who else
 * joins with a browser may be anybody.
 */
export function isCaller({
  kind,
  attributes,
}: Pick<LiveKitParticipant, 'kind' | 'attributes'>): boolean {
  return kind === 'SIP' || attributes?.[INGRESS] === 'browser';
}

export const LiveKitWebhook = z.object({
  event: z.string().min(1).max(100),
  id: z.string().min(1).max(100),
  /** Whole seconds. */
  createdAt: int64.optional(),
  room: LiveKitRoom.optional(),
  participant: LiveKitParticipant.optional(),
  track: z.object({ sid: z.string().optional(), name: z.string().optional() }).optional(),
});
export type LiveKitWebhook = z.infer<typeof LiveKitWebhook>;
