import { performance } from 'node:perf_hooks';
import type { CallEvent, CallOutcome, CallResult, TurnResult } from './call-events.ts';
import type { ConversationEvent } from './conversation.ts';

/** What the socket and the clock know at the end. */
type Rest = Pick<CallResult, 'sipCallId' | 'rtp' | 'clock'>;

/** Turns what happens on one call into events and, at the end, its result. */
export interface CallLog {
  sent(): void;
  ringing(code: number): void;
  answered(codec: string): void;
  /** `text`: what was understood of an utterance heard. */
  spoke(event: ConversationEvent, text?: string): void;
  /** An utterance was heard, of which `spoke` tells when it is understood. */
  hearing(event: Extract<ConversationEvent, { type: 'heard' }>): void;
  pressed(digit: string): void;
  /** The first of `ended` and `failed` counts; later ones change nothing. */
  ended(by: 'caller' | 'agent'): void;
  failed(outcome: CallOutcome, code: number, reason: string): void;
  /** Resolves with `ended` or `failed`. */
  readonly over: Promise<void>;
  readonly answeredAt: number | undefined;
  result(rest: Rest): CallResult;
}

export function createCallLog(
  say: readonly string[],
  emit: (event: CallEvent) => void = () => undefined,
): CallLog {
  const over = Promise.withResolvers<void>();
  let isOver = false;
  let sentAt = performance.now();
  let ringingAt: number | undefined;
  let answeredAt: number | undefined;
  let finalAt: number | undefined;
  let firstAudioAt: number | undefined;
  let endedBy: CallResult['endedBy'];
  let failure: { outcome: CallOutcome; code: number; reason: string } | undefined;
  const turns: TurnResult[] = say.map((text) => ({
    text,
    latencyMs: undefined,
    stopMs: undefined,
    overlapped: false,
    missed: false,
    heard: [],
  }));
  const since = (at: number): number => at - sentAt;

  const noteTurn = (event: ConversationEvent, text: string | undefined): void => {
    const turn = turns[event.turn];
    if (!turn) return;
    if (event.type === 'reply') {
      turn.latencyMs ??= event.latencyMs;
      turn.overlapped ||= event.overlaps;
    } else if (event.type === 'interrupted') {
      turn.stopMs = event.stopMs;
    } else if (event.type === 'missed') {
      turn.missed = true;
    } else if (event.type === 'heard' && text !== undefined) {
      turn.heard.push(text);
    }
  };

  return {
    over: over.promise,
    get answeredAt() {
      return answeredAt;
    },
    sent() {
      sentAt = performance.now();
    },
    ringing(code) {
      const at = performance.now();
      ringingAt ??= at;
      emit({ type: 'ringing', at: since(at), code });
    },
    answered(codec) {
      answeredAt = performance.now();
      finalAt = answeredAt;
      emit({ type: 'answered', at: since(answeredAt), codec });
    },
    spoke(event, text) {
      noteTurn(event, text);
      const at = since(event.at);
      switch (event.type) {
        case 'saying':
        case 'said':
        case 'interrupted':
        case 'missed':
          emit({ ...event, at });
          break;
        case 'reply':
          firstAudioAt ??= event.at;
          emit({ type: 'reply', at, turn: event.turn, latencyMs: event.latencyMs });
          break;
        case 'heard': {
          const seconds = (event.at - event.startedAt) / 1_000;
          emit({ type: 'heard', at, turn: event.turn, seconds, text });
          break;
        }
        default:
          event satisfies never;
      }
    },
    hearing(event) {
      emit({ type: 'hearing', at: since(event.at) });
    },
    pressed(digit) {
      emit({ type: 'pressed', at: since(performance.now()), digit });
    },
    ended(by) {
      if (isOver) return;
      isOver = true;
      endedBy = by;
      emit({ type: 'ended', at: since(performance.now()), by });
      over.resolve();
    },
    failed(outcome, code, reason) {
      if (isOver) return;
      isOver = true;
      finalAt = performance.now();
      failure = { outcome, code, reason };
      emit({ type: 'failed', at: since(finalAt), code, reason });
      over.resolve();
    },
    result(rest) {
      const heard = firstAudioAt !== undefined;
      const answered = answeredAt !== undefined;
      const end = failure ?? {
        outcome: !answered ? 'unanswered' : heard ? 'completed' : 'silent',
        code: answered ? 200 : 0,
        reason: !answered ? 'the caller gave up' : heard ? 'OK' : 'nothing was heard',
      };
      return {
        ...rest,
        ...end,
        endedBy,
        ringingMs: between(sentAt, ringingAt),
        finalStatusMs: between(sentAt, finalAt),
        firstAudioMs: between(answeredAt, firstAudioAt),
        durationMs: since(performance.now()),
        turns,
      };
    },
  };
}

function between(from: number | undefined, to: number | undefined): number | undefined {
  return from === undefined || to === undefined ? undefined : to - from;
}
