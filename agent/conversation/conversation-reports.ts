import { voice } from '@livekit/agents';
import type { AgentProfile } from '../../config/config.ts';
import type { Speaker } from '../audio/speaker.ts';
import type { ModelUsage, ReportBody, Turn, TurnLatency } from '../../calls/reports.ts';

type Report = (body: ReportBody, at?: Date) => void;

/**
 * Turns what a session says of itself into reports: turns with latencies, errors, usage. The agent
 * has said what the caller has heard; the model's history is put right, too.
 */
export function reportConversation(
  session: voice.AgentSession,
  speaker: Pick<Speaker, 'takeSaid'>,
  report: Report,
): void {
  let index = 0;
  session.on(voice.AgentSessionEventTypes.ConversationItemAdded, ({ item }) => {
    if (item.type !== 'message' || (item.role !== 'user' && item.role !== 'assistant')) return;
    if (item.role === 'assistant') {
      const said = speaker.takeSaid();
      if (said !== undefined) item.content = said === '' ? [] : [said];
    }
    const text = item.textContent?.trim();
    if (!text) return;
    const { metrics } = item;
    const who = item.role === 'user' ? 'caller' : 'agent';
    const turn: Turn = {
      index: index++,
      who,
      text,
      ...(who === 'caller' &&
        item.transcriptConfidence !== undefined && {
          confidence: Math.min(Math.max(item.transcriptConfidence, 0), 1),
        }),
      ...(item.interrupted && { interrupted: true }),
      ...(metrics.startedSpeakingAt && { startedAt: rfc3339(metrics.startedSpeakingAt) }),
      ...(metrics.stoppedSpeakingAt && { endedAt: rfc3339(metrics.stoppedSpeakingAt) }),
      latency: defined({
        stt: milliseconds(metrics.transcriptionDelay),
        endpointing: milliseconds(metrics.endOfTurnDelay),
        llmFirstToken: milliseconds(metrics.llmNodeTtft),
        ttsFirstByte: milliseconds(metrics.ttsNodeTtfb),
        total: milliseconds(metrics.e2eLatency),
      }),
    };
    report({ type: 'turn', data: turn });
  });
  session.on(voice.AgentSessionEventTypes.Error, ({ error }) => {
    report({
      type: 'agent.error',
      data: {
        component: componentOf(error.type),
        message: 'error' in error ? error.error.message : error.message,
        recoverable: error.recoverable,
      },
    });
  });
}

/** Usage so far, one entry per model; providers by the names of the configuration. */
export function usageOf(session: voice.AgentSession, profile: AgentProfile): ModelUsage[] {
  return session.usage.modelUsage.flatMap((usage): ModelUsage[] => {
    const model = usage.model ?? 'unknown';
    switch (usage.type) {
      case 'llm_usage':
        return [
          {
            provider: profile.llm.provider,
            model,
            kind: 'llm',
            inputTokens: usage.inputTokens ?? 0,
            cachedInputTokens: usage.inputCachedTokens ?? 0,
            outputTokens: usage.outputTokens ?? 0,
          },
        ];
      case 'stt_usage':
        return [
          {
            provider: profile.stt.provider,
            model,
            kind: 'stt',
            audioSeconds: (usage.audioDurationMs ?? 0) / 1000,
          },
        ];
      case 'tts_usage':
        return [
          {
            provider: profile.tts.provider,
            model,
            kind: 'tts',
            characters: usage.charactersCount ?? 0,
            audioSeconds: (usage.audioDurationMs ?? 0) / 1000,
          },
        ];
      default:
        return []; // the detectors run here and cost nothing
    }
  });
}

/** LiveKit's metrics are in seconds, a record's latencies in whole milliseconds. */
function milliseconds(seconds: number | undefined): number | undefined {
  const known = seconds !== undefined && Number.isFinite(seconds) && seconds >= 0;
  return known ? Math.round(seconds * 1000) : undefined;
}

function defined(latency: Record<keyof TurnLatency, number | undefined>): TurnLatency {
  return Object.fromEntries(Object.entries(latency).filter(([, ms]) => ms !== undefined));
}

function rfc3339(seconds: number): string {
  return new Date(seconds * 1000).toISOString();
}

function componentOf(type: string) {
  switch (type) {
    case 'stt_error':
      return 'stt';
    case 'llm_error':
      return 'llm';
    case 'tts_error':
      return 'tts';
    case 'realtime_model_error':
      return 'realtime';
    default:
      return 'session';
  }
}
