import { z } from 'zod';
import type { Call } from '../calls/call.ts';
import { CALL_STATES, INGRESSES, MISSING } from '../calls/call.ts';
import type { Page, StoredEvent } from '../ledger/ledger.ts';
import { publicCall, publicTurns } from '../webhooks/out/public-call.ts';
import { EndReason, EndedBy, ModelUsage, Turn } from '../calls/reports.ts';
import { LAYERS } from '../calls/why/rule.ts';
import type { Why } from '../calls/why/rule.ts';
import type { Line } from '../config/config.ts';

export type { Activity } from '../calls/activity.ts';

/** RFC 3339 with milliseconds. */
const time = z.iso.datetime();

const LegView = z.object({
  sipCallId: z.string().optional(),
  sipCallIdFull: z.string().optional().describe('SIP Call-ID header'),
  participantSids: z.array(z.string()),
  direction: z.enum(['inbound', 'outbound']),
  trunk: z.string().optional(),
  rule: z.string().optional(),
  from: z.string().optional(),
  to: z.string().optional(),
  answeredAt: time.optional(),
  endedAt: time.optional(),
  sipCode: z.number().optional().describe('final status of an INVITE that was refused'),
  held: z.boolean().optional(),
  codec: z.string().optional(),
  media: z.record(z.string(), z.number()).optional(),
});

const AgentView = z.object({
  jobId: z.string().optional(),
  workerId: z.string().optional(),
  name: z.string().optional(),
  profile: z.string().optional(),
  profileVersion: z.string().optional(),
  pipeline: z.enum(['cascade', 'realtime']).optional(),
  startedAt: time.optional(),
  firstAudioAt: time.optional(),
  endedAt: time.optional(),
});

export const TurnView = Turn.extend({ at: time });

const TranscriptTurnView = TurnView.extend({
  late: z.boolean().optional().describe('told after the record was sealed, which is without it'),
});

export const EventView = z.object({
  sequence: z.number().int().describe('order of arrival within the call, from 1, without gaps'),
  id: z.string(),
  type: z.string(),
  source: z.enum(['webhook', 'worker', 'ingress', 'reconciler', 'operator']),
  at: time,
  receivedAt: time,
  inferred: z.boolean().describe('concluded, not told'),
  late: z.boolean().describe('came after the record was sealed, and did not change it'),
  data: z.record(z.string(), z.unknown()),
});

export const CallView = z.object({
  id: z.string(),
  direction: z.enum(['inbound', 'outbound']),
  ingress: z.enum(INGRESSES),
  state: z.enum(CALL_STATES),
  line: z.string().optional(),
  from: z.string().optional().describe('E.164'),
  to: z.string().optional().describe('E.164'),
  startedAt: time,
  answeredAt: time.optional(),
  inProgressAt: time.optional().describe("the caller was sent the agent's first audio"),
  endedAt: time.optional(),
  endedBy: EndedBy.optional(),
  endReason: EndReason.optional(),
  sipCode: z.number().optional(),
  sealedAt: time.optional().describe('the record is final from here on'),
  missing: z
    .array(z.enum(MISSING))
    .optional()
    .describe('who was not waited for any longer when it was sealed'),
  room: z.object({ name: z.string().optional(), sid: z.string().optional() }).optional(),
  legs: z.array(LegView),
  agent: AgentView.optional().describe('the last one, if a job was repeated'),
  turns: z.array(TurnView),
  usage: z.array(ModelUsage),
});

const WhyView = z
  .object({
    cause: z.string().describe('a name that keeps its meaning; docs/call-record.md has them'),
    layer: z.enum(LAYERS),
    sentence: z.string(),
    evidence: z.array(z.object({ text: z.string(), eventId: z.string().optional() })),
    nextSteps: z.array(z.string()),
  })
  .meta({ id: 'Why' });

export const CallDetailView = CallView.extend({
  why: WhyView.optional().describe('why it went as it went; absent while the call goes on'),
  timeline: z.array(EventView),
});

export function viewWhy(why: Why | undefined): z.infer<typeof WhyView> | undefined {
  return why && { ...why, evidence: [...why.evidence], nextSteps: [...why.nextSteps] };
}

export const TranscriptView = z.object({
  callId: z.string(),
  turns: z.array(TranscriptTurnView),
});

export const LineView = z.object({
  name: z.string(),
  numbers: z.array(z.string()),
  language: z.string(),
  agent: z.object({ name: z.string(), version: z.string() }),
});

/** A list, newest first; `nextCursor` is null on the last page. */
export const listOf = <T extends z.ZodType>(item: T) =>
  z.object({ data: z.array(item), nextCursor: z.string().nullable() });

export const limit = z.coerce.number().int().min(1).max(200).default(50);
export const ListQuery = z.object({
  limit,
  cursor: z.string().max(64).optional().describe('`nextCursor` of the page before'),
});
export const IdParams = z.object({ id: z.string().max(64) });

/** As `listOf` describes it. */
export function viewPage<T, V>({ data, nextCursor }: Page<T>, view: (item: T) => V) {
  return { data: data.map(view), nextCursor: nextCursor ?? null };
}

export function viewCall(call: Call): z.infer<typeof CallView> {
  return publicCall(call);
}

/** As they were spoken. */
export function viewTurns(call: Pick<Call, 'turns'>): z.infer<typeof TurnView>[] {
  return publicTurns(call);
}

export function viewEvent({ sequence, receivedAt, late, event }: StoredEvent) {
  const { id, type, source, at, inferred = false, data } = event;
  return { sequence, id, type, source, at, receivedAt, inferred, late, data: { ...data } };
}

export function viewLine({ name, numbers, language, agent }: Line): z.infer<typeof LineView> {
  return {
    name,
    numbers: [...numbers],
    language,
    agent: { name: agent.name, version: agent.version },
  };
}
