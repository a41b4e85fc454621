import { Counter, Histogram } from 'prom-client';
import type { Registry } from 'prom-client';
import type { Call } from '../calls/call.ts';
import type { CallEvent } from '../calls/events.ts';

/** People leave 0.2 to 0.5 s between turns; from 2 s on they ask whether somebody is there, s. */
const REPLY_SECONDS = [0.25, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10];
const SETUP_SECONDS = [0.25, 0.5, 1, 2, 4, 8, 15, 30];
const DURATION_SECONDS = [5, 15, 30, 60, 120, 300, 600, 1_800, 3_600];
const JITTER_SECONDS = [0.001, 0.005, 0.01, 0.02, 0.04, 0.08, 0.2];

export interface CallMetrics {
  /** Its record is final: all that it has is counted, once. */
  countSealed(call: Call): void;
  /** It was recorded. */
  countEvent(event: CallEvent): void;
}

/** What calls were like. Numbers, rooms and ids are in no label. */
export function createCallMetrics(registry: Registry): CallMetrics {
  const registers = [registry];
  const sealed = new Counter({
    name: 'trunkline_calls_total',
    help: 'Calls whose record was sealed by this process',
    labelNames: ['state', 'end_reason', 'line', 'ingress', 'direction'],
    registers,
  });
  const setup = new Histogram({
    name: 'trunkline_call_setup_seconds',
    help: 'From the beginning of a call to its answer',
    labelNames: ['ingress'],
    buckets: SETUP_SECONDS,
    registers,
  });
  const duration = new Histogram({
    name: 'trunkline_call_duration_seconds',
    help: 'From the beginning of a call to its end',
    labelNames: ['line'],
    buckets: DURATION_SECONDS,
    registers,
  });
  const voiceToVoice = new Histogram({
    name: 'trunkline_voice_to_voice_seconds',
    help: "From the end of the caller's words to the first sound of the reply",
    labelNames: ['line'],
    buckets: REPLY_SECONDS,
    registers,
  });
  const stages = new Histogram({
    name: 'trunkline_stage_seconds',
    help: 'Stages of a reply: end_of_turn, stt (within it), llm (first token), tts (first byte)',
    labelNames: ['stage'],
    buckets: REPLY_SECONDS,
    registers,
  });
  const turns = new Counter({
    name: 'trunkline_turns_total',
    help: 'Turns of sealed calls, by who spoke and whether they were interrupted',
    labelNames: ['who', 'interrupted'],
    registers,
  });
  const usage = new Counter({
    name: 'trunkline_usage_total',
    help: 'What models were used for, by unit: audio_seconds, characters, input_tokens, cached_input_tokens, output_tokens',
    labelNames: ['kind', 'provider', 'model', 'unit'],
    registers,
  });
  const packets = new Counter({
    name: 'trunkline_rtp_packets_total',
    help: 'RTP packets of callers of the built-in SIP endpoint: received, lost, late, concealed, sent',
    labelNames: ['what'],
    registers,
  });
  const jitter = new Histogram({
    name: 'trunkline_rtp_jitter_seconds',
    help: 'Interarrival jitter of a leg (RFC 3550 §6.4.1)',
    buckets: JITTER_SECONDS,
    registers,
  });
  const errors = new Counter({
    name: 'trunkline_agent_errors_total',
    help: 'Errors that agents told of, by component: stt, llm, tts, realtime, tool, room, session',
    labelNames: ['component', 'recoverable'],
    registers,
  });
  const rooms = new Counter({
    name: 'trunkline_rooms_created_total',
    help: 'Rooms of calls that LiveKit has made (its webhook, or what was found in its place)',
    registers,
  });
  const tracks = new Counter({
    name: 'trunkline_audio_tracks_total',
    help: 'Audio tracks that were published in rooms of calls',
    registers,
  });
  const sessions = new Counter({
    name: 'trunkline_stt_sessions_total',
    help: 'Conversations that began to listen',
    registers,
  });
  const replies = new Counter({
    name: 'trunkline_tts_replies_total',
    help: 'Replies that were spoken',
    registers,
  });

  return {
    countSealed({ state, ending, ingress, direction, line = '', legs, ...call }) {
      const reason = ending?.reason ?? 'unknown';
      sealed.inc({ state, end_reason: reason, line, ingress, direction });
      const answered = secondsBetween(call.startedAt, call.answeredAt);
      if (answered !== undefined) setup.observe({ ingress }, answered);
      const lasted = secondsBetween(call.startedAt, call.endedAt);
      if (lasted !== undefined) duration.observe({ line }, lasted);
      for (const { who, interrupted = false, latency = {} } of call.turns) {
        turns.inc({ who, interrupted: String(interrupted) });
        const { total, endpointing, stt, llmFirstToken, ttsFirstByte } = latency;
        if (total !== undefined) voiceToVoice.observe({ line }, total / 1_000);
        const parts = { end_of_turn: endpointing, stt, llm: llmFirstToken, tts: ttsFirstByte };
        for (const [stage, ms] of Object.entries(parts)) {
          if (ms !== undefined) stages.observe({ stage }, ms / 1_000);
        }
      }
      for (const { kind, provider, model, ...used } of call.usage.flatMap(({ models }) => models)) {
        const units = {
          audio_seconds: used.audioSeconds,
          characters: used.characters,
          input_tokens: used.inputTokens,
          cached_input_tokens: used.cachedInputTokens,
          output_tokens: used.outputTokens,
        };
        for (const [unit, amount] of Object.entries(units)) {
          if (amount) usage.inc({ kind, provider, model, unit }, amount);
        }
      }
      for (const { media } of legs) {
        if (media === undefined) continue;
        const { jitter: ms, ...counts } = media;
        for (const [what, amount] of Object.entries(counts)) packets.inc({ what }, amount);
        jitter.observe(ms / 1_000);
      }
    },

    countEvent({ type, data }) {
      switch (type) {
        case 'agent.error':
          errors.inc({ component: data.component, recoverable: String(data.recoverable) });
          break;
        case 'room.started':
          rooms.inc();
          break;
        case 'track.published':
          tracks.inc();
          break;
        case 'agent.started':
          sessions.inc();
          break;
        case 'turn':
          if (data.who === 'agent') replies.inc();
          break;
        default:
      }
    },
  };
}

function secondsBetween(from: string, to: string | undefined): number | undefined {
  return to === undefined ? undefined : Math.max(0, Date.parse(to) - Date.parse(from)) / 1_000;
}
