/**
 * What a worker or an ingress tells the call service about a call: `POST /internal/v1/reports`
 * with `{ reports: Report[] }`, Bearer JWT signed with the LiveKit API secret. Idempotent by `id`.
 */
import { z } from 'zod';

const milliseconds = z.number().nonnegative();

/** The parts of a voice-to-voice delay, ms; a part is absent where it could not be measured. */
export const TurnLatency = z.object({
  /** Caller's last speech to the STT's final transcript being taken as the end of the turn. */
  endpointing: milliseconds.optional(),
  /** Caller's last speech to the final transcript. */
  stt: milliseconds.optional(),
  llmFirstToken: milliseconds.optional(),
  ttsFirstByte: milliseconds.optional(),
  /** Caller's last speech to the reply's first audio frame leaving the worker. */
  total: milliseconds.optional(),
});
export type TurnLatency = z.infer<typeof TurnLatency>;

export const Turn = z.object({
  /** 0, 1, 2 … within the job. */
  index: z.number().int().nonnegative(),
  who: z.enum(['caller', 'agent']),
  text: z.string(),
  /** Of the recogniser, 0 to 1. */
  confidence: z.number().min(0).max(1).optional(),
  interrupted: z.boolean().optional(),
  startedAt: z.iso.datetime({ offset: true }).optional(),
  endedAt: z.iso.datetime({ offset: true }).optional(),
  latency: TurnLatency.optional(),
});
export type Turn = z.infer<typeof Turn>;

export const EndedBy = z.enum(['caller', 'agent', 'operator', 'carrier', 'system']);
export type EndedBy = z.infer<typeof EndedBy>;

/** Why a call ended; documented in docs/call-record.md. */
export const EndReason = z.enum([
  'caller_hangup',
  'agent_hangup',
  'operator_hangup',
  'transferred',
  'no_agent',
  'busy',
  'no_answer',
  'rejected',
  'cancelled',
  'trunk_failure',
  'media_timeout',
  'max_duration',
  'idle',
  'voicemail',
  'agent_lost',
  'provider_failure',
  'service_lost',
  'room_deleted',
  'unknown',
]);
export type EndReason = z.infer<typeof EndReason>;

export const ModelUsage = z.object({
  provider: z.string(),
  model: z.string(),
  kind: z.enum(['stt', 'llm', 'tts', 'realtime', 'other']),
  audioSeconds: z.number().nonnegative().optional(),
  characters: z.number().nonnegative().optional(),
  inputTokens: z.number().nonnegative().optional(),
  cachedInputTokens: z.number().nonnegative().optional(),
  outputTokens: z.number().nonnegative().optional(),
});
export type ModelUsage = z.infer<typeof ModelUsage>;

/** The SIP participant that an agent found in its room: for calls whose webhooks are all lost. */
const CallerMet = z.object({
  identity: z.string(),
  joinedAtMs: z.number().int().positive().optional(),
  /** `sip.*` and `line`. */
  attributes: z.record(z.string(), z.string()),
});
export type CallerMet = z.infer<typeof CallerMet>;

/** The type-specific half of a report. */
export const ReportBody = z.discriminatedUnion('type', [
  // ---- ingress: the SIP leg
  z.object({
    type: z.literal('leg.invited'),
    data: z.object({
      from: z.string(),
      /** Absent: nobody said whom the caller wants. */
      to: z.string().optional(),
      line: z.string(),
      trunk: z.string(),
      /** SIP Call-ID header. */
      sipCallIdFull: z.string(),
      userAgent: z.string().optional(),
      remoteAddress: z.string().optional(),
    }),
  }),
  z.object({
    type: z.literal('leg.answered'),
    data: z.object({ codec: z.string(), ptime: z.number(), dtmf: z.enum(['rfc4733', 'none']) }),
  }),
  z.object({ type: z.literal('leg.held'), data: z.object({}) }),
  z.object({ type: z.literal('leg.resumed'), data: z.object({}) }),
  /** The caller pressed a key; which, only where the line records digits: it may be of a PIN. */
  z.object({
    type: z.literal('leg.dtmf'),
    data: z.object({ digit: z.string().length(1).optional() }),
  }),
  /** The ingress speaks to the caller itself because no agent does. */
  z.object({
    type: z.literal('leg.fallback'),
    data: z.object({ reason: z.enum(['no_agent', 'agent_lost']), action: z.enum(['apology']) }),
  }),
  z.object({
    type: z.literal('leg.ended'),
    data: z.object({
      endedBy: EndedBy,
      endReason: EndReason,
      /** Final status of the INVITE when it was refused, e.g. 486. */
      sipCode: z.number().int().optional(),
      /** RTP as the ingress saw it. */
      media: z
        .object({
          received: z.number(),
          lost: z.number(),
          late: z.number(),
          concealed: z.number(),
          sent: z.number(),
          /** RFC 3550 §6.4.1 interarrival jitter, ms. */
          jitter: z.number(),
        })
        .optional(),
    }),
  }),
  // ---- worker: the agent's job
  z.object({ type: z.literal('caller.met'), data: CallerMet }),
  z.object({
    type: z.literal('agent.started'),
    data: z.object({
      agentName: z.string(),
      profile: z.string(),
      profileVersion: z.string(),
      line: z.string(),
      pipeline: z.enum(['cascade', 'realtime']),
    }),
  }),
  /** The agent's first audio frame went to the caller: the call is `in_progress`. */
  z.object({ type: z.literal('agent.first_audio'), data: z.object({}) }),
  z.object({ type: z.literal('turn'), data: Turn }),
  z.object({
    type: z.literal('agent.error'),
    data: z.object({
      component: z.enum(['stt', 'llm', 'tts', 'realtime', 'room', 'tool', 'session']),
      message: z.string(),
      recoverable: z.boolean(),
    }),
  }),
  z.object({ type: z.literal('usage'), data: z.object({ models: z.array(ModelUsage) }) }),
  /** The job's last report, or the worker's on behalf of a job whose process died. */
  z.object({
    type: z.literal('agent.ended'),
    data: z.object({
      endedBy: EndedBy,
      endReason: EndReason,
      detail: z.string().optional(),
      /** When the caller left, no audio had come from them for so long. */
      callerSilentMs: milliseconds.optional(),
    }),
  }),
]);
export type ReportBody = z.infer<typeof ReportBody>;

/** A database's index takes no more than some 2,700 bytes. */
const id = z.string().max(256);

/** Which call a report belongs to: whatever the reporter knows. `sipCallId` decides when present. */
export const Correlation = z.object({
  /** `sip.callID`, e.g. `SCL_…`. */
  sipCallId: id.optional(),
  roomName: id.optional(),
  roomSid: id.optional(),
  participantSid: id.optional(),
  jobId: id.optional(),
  workerId: id.optional(),
});
export type Correlation = z.infer<typeof Correlation>;

export const Report = z
  .object({
    /** ULID, made by the reporter; the same over retries. */
    id: z.string().min(10).max(64),
    source: z.enum(['worker', 'ingress']),
    /** RFC 3339 with milliseconds: when it happened. */
    at: z.iso.datetime({ offset: true }),
    call: Correlation,
  })
  .and(ReportBody);
export type Report = z.infer<typeof Report>;
