import type { CallEvent, CallResult } from './call-events.ts';
import type { CallRecord } from './call-record.ts';

const ms = (value: number | undefined): string =>
  value === undefined ? '–' : `${Math.round(value)} ms`;

/** One line for a person, or none, for what just happened. */
export function narrate(event: CallEvent): string | undefined {
  const at = `${(event.at / 1_000).toFixed(1).padStart(6)} s  `;
  switch (event.type) {
    case 'ringing':
      return `${at}ringing (${event.code})`;
    case 'answered':
      return `${at}answered, ${event.codec}`;
    case 'saying':
      return `${at}caller: ${event.text}`;
    case 'pressed':
      return `${at}caller presses ${event.digit}`;
    case 'reply':
      return event.latencyMs === undefined
        ? undefined
        : `${at}        … answered after ${ms(event.latencyMs)}`;
    case 'heard':
      return `${at}agent:  ${event.text ?? `(${event.seconds.toFixed(1)} s of speech that is not in the phrase book)`}`;
    case 'interrupted':
      return `${at}        … the agent fell silent ${ms(event.stopMs)} after the interruption began`;
    case 'missed':
      return `${at}        … no answer`;
    case 'ended':
      return `${at}${event.by} hung up`;
    case 'failed':
      return `${at}the call failed: ${event.code ? `${event.code} ` : ''}${event.reason}`;
    case 'said':
    case 'hearing':
      return undefined;
    default:
      return event satisfies never;
  }
}

/** The figures of a call in a few lines; none where no SIP came back, `narrate` has said why. */
export function summarise(result: CallResult): string {
  if (result.outcome === 'unreachable') return '';
  const outcome = [
    '',
    `outcome              ${result.outcome} (${result.code || 'no SIP answer'} ${result.reason})`,
    `INVITE to final      ${ms(result.finalStatusMs)}`,
  ];
  if (result.outcome === 'refused' || result.outcome === 'unanswered') return outcome.join('\n');
  return [
    ...outcome,
    `answer to speech     ${ms(result.firstAudioMs)}`,
    ...voiceToVoice(result.turns),
    `RTP                  ${result.rtp.sent} sent, ${result.rtp.received} received, ` +
      `${result.rtp.lost} lost, jitter ${result.rtp.jitterMs.toFixed(1)} ms`,
  ].join('\n');
}

/** A caller who said nothing waited for no reply. */
function voiceToVoice(turns: CallResult['turns']): string[] {
  if (turns.length === 0) return [];
  const latencies = turns.flatMap(({ latencyMs }) => latencyMs ?? []).sort((a, b) => a - b);
  const median = latencies[Math.floor((latencies.length - 1) / 2)];
  const figure =
    median === undefined
      ? `no figure in ${turns.length} turns`
      : `${ms(median)} median of ${latencies.length} of ${turns.length} turns`;
  return [`voice to voice       ${figure}`];
}

/** What the call service wrote down. */
export function describeRecord({ call, turns }: CallRecord): string {
  return [
    '',
    `record               ${call.id}: ${call.state}, by ${call.endedBy ?? '–'} (${call.endReason ?? '–'})`,
    ...turns.map(({ who, text, interrupted, latency }) => {
      const parts = latency
        ? `  [STT ${ms(latency.stt)}, LLM ${ms(latency.llmFirstToken)}, ` +
          `TTS ${ms(latency.ttsFirstByte)}, in all ${ms(latency.total)}]`
        : '';
      return `  ${who}: ${text}${interrupted ? ' (interrupted)' : ''}${parts}`;
    }),
  ].join('\n');
}
