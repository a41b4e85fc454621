import type { RtpStats } from './rtp-port.ts';

/** What happens on a simulated call. `at`: ms since the INVITE was sent. */
export type CallEvent =
  | { readonly type: 'ringing'; readonly at: number; readonly code: number }
  | { readonly type: 'answered'; readonly at: number; readonly codec: string }
  | { readonly type: 'saying'; readonly at: number; readonly turn: number; readonly text: string }
  | { readonly type: 'said'; readonly at: number; readonly turn: number; readonly text: string }
  | { readonly type: 'pressed'; readonly at: number; readonly digit: string }
  /** The agent's first speech packet; `latencyMs` as in {@link TurnResult}. */
  | {
      readonly type: 'reply';
      readonly at: number;
      readonly turn: number;
      readonly latencyMs: number | undefined;
    }
  /** The agent finished an utterance; `heard` of the same time follows when it is understood. */
  | { readonly type: 'hearing'; readonly at: number }
  /** The agent finished an utterance; `text` when it was recognised. */
  | {
      readonly type: 'heard';
      readonly at: number;
      readonly turn: number;
      readonly seconds: number;
      readonly text: string | undefined;
    }
  /** The agent fell silent because we spoke into its speech. */
  | {
      readonly type: 'interrupted';
      readonly at: number;
      readonly turn: number;
      readonly stopMs: number;
    }
  | { readonly type: 'missed'; readonly at: number; readonly turn: number }
  | { readonly type: 'ended'; readonly at: number; readonly by: 'caller' | 'agent' }
  | {
      readonly type: 'failed';
      readonly at: number;
      readonly code: number;
      readonly reason: string;
    };

export interface TurnResult {
  readonly text: string;
  /**
   * Voice to voice, ms: from sending the last 20 ms frame of the phrase that holds speech to the
   * arrival of the first packet of the reply that does. Undefined: no reply, or the agent spoke
   * before the phrase was over.
   */
  latencyMs: number | undefined;
  /** With barge-in: from our first speech frame to the agent's last before it fell silent, ms. */
  stopMs: number | undefined;
  /** The agent began to speak before the phrase was over. */
  overlapped: boolean;
  missed: boolean;
  /** What the agent was understood to answer. */
  readonly heard: string[];
}

/**
 * - completed: answered, and the agent was heard
 * - silent: answered, and nothing was heard
 * - refused: the far end's final status is in `code`
 * - unreachable: no SIP answer at all
 * - unanswered: it rang until the caller gave up
 */
export type CallOutcome = 'completed' | 'silent' | 'refused' | 'unreachable' | 'unanswered';

export interface CallResult {
  /** SIP Call-ID; empty when no INVITE went out. */
  readonly sipCallId: string;
  readonly outcome: CallOutcome;
  /** Final SIP status of the INVITE; 0: none. */
  readonly code: number;
  readonly reason: string;
  readonly endedBy: 'caller' | 'agent' | undefined;
  readonly ringingMs: number | undefined;
  /** INVITE to the final status (200 or a refusal), ms. */
  readonly finalStatusMs: number | undefined;
  /** 200 to the first speech packet of the greeting, ms. */
  readonly firstAudioMs: number | undefined;
  readonly durationMs: number;
  readonly turns: readonly TurnResult[];
  readonly rtp: RtpStats;
  /** How well the caller's own clock ran: frames skipped, worst lateness. Trust nothing if bad. */
  readonly clock: { readonly skipped: number; readonly worstLatenessMs: number };
}
