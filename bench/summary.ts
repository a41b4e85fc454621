import type { CallResult } from '../rehearsal/caller/call-events.ts';

/** p50 and p95 by nearest rank; undefined of nothing. */
export interface Spread {
  readonly p50: number;
  readonly p95: number;
  readonly count: number;
}

/** What became of the calls of a run. Times in ms. */
export interface Summary {
  readonly calls: number;
  /** Answered, and every turn got its reply. With those below, all calls. */
  readonly served: number;
  /** Answered and heard, but a turn got no reply, or one before the caller had finished. */
  readonly faulty: number;
  /** Refused by a final SIP status. */
  readonly refused: { readonly count: number; readonly codes: readonly number[] };
  /** The slowest refusal. */
  readonly slowestRefusalMs: number | undefined;
  /** No answer, or ended by the far end before everything was said. */
  readonly lost: number;
  /** Answered, and nothing was ever heard. */
  readonly silent: number;
  readonly turns: number;
  /** Turns of answered calls without a reply. */
  readonly turnsMissed: number;
  /** Turns into which the agent spoke before the caller had finished. */
  readonly turnsOverlapped: number;
  /** Caller's last speech to the reply's first at the caller's ear, less the providers' delays. */
  readonly overhead: Spread | undefined;
  readonly inviteToAnswer: Spread | undefined;
  readonly answerToSpeech: Spread | undefined;
  /** Time on the telephone, over all calls, minutes. */
  readonly callMinutes: number;
  /** How late a caller's packet was sent at worst: beyond 20 the figures are the callers' own. */
  readonly callersLateMs: number;
}

export function summarise(results: readonly CallResult[], providersMs: number): Summary {
  const answered = results.filter(({ code }) => code === 200);
  const refused = results.filter(({ outcome }) => outcome === 'refused');
  const turns = answered.flatMap((call) => call.turns);
  return {
    calls: results.length,
    served: results.filter((call) => call.outcome === 'completed' && allReplied(call)).length,
    faulty: results.filter(
      (call) => call.outcome === 'completed' && !allReplied(call) && !isLost(call),
    ).length,
    refused: { count: refused.length, codes: [...new Set(refused.map(({ code }) => code))] },
    slowestRefusalMs:
      refused.length === 0
        ? undefined
        : Math.max(...refused.map(({ finalStatusMs }) => finalStatusMs ?? 0)),
    lost: results.filter(isLost).length,
    silent: results.filter(({ outcome }) => outcome === 'silent').length,
    turns: turns.length,
    turnsMissed: turns.filter((turn) => turn.latencyMs === undefined && !turn.overlapped).length,
    turnsOverlapped: turns.filter((turn) => turn.overlapped).length,
    overhead: spread(
      turns.map(({ latencyMs }) => (latencyMs === undefined ? undefined : latencyMs - providersMs)),
    ),
    inviteToAnswer: spread(answered.map((call) => call.finalStatusMs)),
    answerToSpeech: spread(answered.map((call) => call.firstAudioMs)),
    callMinutes: answered.reduce((total, { durationMs }) => total + durationMs, 0) / 60_000,
    callersLateMs: Math.max(0, ...results.map(({ clock }) => clock.worstLatenessMs)),
  };
}

const isLost = (call: CallResult): boolean =>
  call.outcome === 'unreachable' ||
  call.outcome === 'unanswered' ||
  (call.outcome === 'completed' && call.endedBy === 'agent' && !allReplied(call));

const allReplied = (call: CallResult): boolean =>
  call.turns.every((turn) => turn.latencyMs !== undefined);

/** Of what is defined. */
export function spread(values: readonly (number | undefined)[]): Spread | undefined {
  const sorted = values.filter((value) => value !== undefined).sort((a, b) => a - b);
  const rank = (share: number): number =>
    sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
  return sorted.length === 0
    ? undefined
    : { p50: rank(0.5), p95: rank(0.95), count: sorted.length };
}
