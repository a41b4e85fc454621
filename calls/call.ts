import type { EndReason, EndedBy, ModelUsage, Turn } from './reports.ts';

/**
 * The call record. Times are RFC 3339 with milliseconds; numbers are E.164 where they can be.
 * Made by folding the call's events (`fold.ts`), kept by a `Ledger`, documented in
 * docs/call-record.md.
 */
export interface Call {
  /** `call_` + ULID. */
  readonly id: string;
  readonly direction: Direction;
  readonly ingress: Ingress;
  readonly state: CallState;
  /** Name of the line that answers, or that the call is made for. */
  readonly line?: string;
  readonly from?: string;
  readonly to?: string;
  readonly legs: readonly Leg[];
  readonly room?: CallRoom;
  /** One per job, in order; the last one is the agent that the caller talks with. */
  readonly agents: readonly AgentJob[];
  /** What was done for the caller when no agent was there; absent: nothing had to be. */
  readonly rescue?: readonly RescueStep[];
  readonly turns: readonly CallTurn[];
  readonly usage: readonly JobUsage[];
  /** The earliest that is known of the call. */
  readonly startedAt: string;
  readonly answeredAt?: string;
  /** The caller has been sent the agent's first audio. */
  readonly inProgressAt?: string;
  /** A hang-up has begun. */
  readonly endingAt?: string;
  readonly endedAt?: string;
  /** What the events say about the end, the best evidence so far. */
  readonly ending?: Ending;
  readonly sealedAt?: string;
  /** Who was not waited for any longer when it was sealed. */
  readonly missing?: readonly Missing[];
  /** What was taken out of the record afterwards, and when. */
  readonly removed?: Removed;
  /** `orderOf` the last event folded in: an event before it needs a new fold. */
  readonly foldedTo: string;
}

/**
 * The last report of an agent, without which turns may be missing; the ingress' report of a leg's
 * end; the end of the room.
 */
export const MISSING = ['agent', 'ingress', 'room'] as const;
export type Missing = (typeof MISSING)[number];

/** By retention (its events, what was said) or because a person was erased. */
interface Removed {
  readonly events?: string;
  readonly transcript?: string;
  readonly person?: string;
}

/** Where a call is on its way; the diagram is in transition.ts. */
export type CallState =
  | 'initializing'
  | 'ringing'
  | 'connected'
  | 'in_progress'
  | 'ending'
  | 'ended'
  | 'failed';

export const CALL_STATES = [
  'initializing',
  'ringing',
  'connected',
  'in_progress',
  'ending',
  'ended',
  'failed',
] as const satisfies readonly CallState[];

/** `inbound`: they called us. An agent alone in a room waits for somebody: inbound as well. */
export type Direction = 'inbound' | 'outbound';

/** Which way the call came into its room; `room`: nobody's leg, an agent was sent there by hand. */
export type Ingress = (typeof INGRESSES)[number];

export const INGRESSES = ['livekit-sip', 'sip', 'browser', 'room'] as const;

/** One SIP call of the call (RFC 3261 dialog); a transfer adds another. */
export interface Leg {
  /** `sip.callID`; the participant's sid where a participant carries none. */
  readonly key: string;
  readonly sipCallId?: string;
  /** SIP Call-ID header. */
  readonly sipCallIdFull?: string;
  readonly direction: Direction;
  /** One per stay in the room: a caller who reconnects comes back as a new participant. */
  readonly stays: readonly Stay[];
  readonly trunk?: string;
  readonly rule?: string;
  /** The far end. */
  readonly from?: string;
  readonly to?: string;
  readonly invitedAt?: string;
  readonly answeredAt?: string;
  /** Nobody said that it was answered: it follows from what else is known. */
  readonly answerInferred?: boolean;
  readonly endedAt?: string;
  /** Final status of the INVITE when it was refused, e.g. 486. */
  readonly sipCode?: number;
  readonly held?: boolean;
  readonly codec?: string;
  readonly media?: LegMedia;
  /** The ingress reported the leg's end: nothing more will come of it. */
  readonly reportedEnd?: boolean;
}

/** RTP as the ingress saw it: packets, and interarrival jitter in ms (RFC 3550 §6.4.1). */
interface LegMedia {
  readonly received: number;
  readonly lost: number;
  readonly late: number;
  readonly concealed: number;
  readonly sent: number;
  readonly jitter: number;
}

export interface Stay {
  readonly participantSid: string;
  readonly roomSid?: string;
  readonly joinedAt?: string;
  readonly leftAt?: string;
}

/** Where the call is, or was last. */
export interface CallRoom {
  readonly sid?: string;
  readonly name?: string;
  readonly startedAt?: string;
  readonly finishedAt?: string;
}

export interface AgentJob {
  /** `AJ_…`; the participant's sid where the job is not known. */
  readonly key: string;
  readonly jobId?: string;
  readonly workerId?: string;
  readonly participantSid?: string;
  /** Where that participant is, or was. */
  readonly roomSid?: string;
  readonly name?: string;
  readonly profile?: string;
  readonly profileVersion?: string;
  readonly pipeline?: 'cascade' | 'realtime';
  readonly joinedAt?: string;
  readonly startedAt?: string;
  readonly trackAt?: string;
  readonly firstAudioAt?: string;
  readonly leftAt?: string;
  /** The job's last report is in. */
  readonly endedAt?: string;
}

/** One step of the way from "no agent" to being served or released (reconciler/rescue-plan.ts). */
export interface RescueStep {
  readonly step: 'dispatch' | 'agent' | 'number' | 'release';
  readonly at: string;
  /** Jobs that the call had had until then. */
  readonly agents: number;
  readonly failed?: boolean;
}

/** A turn and the job that it was part of; `index` counts within the job. */
export interface CallTurn extends Turn {
  readonly job: string;
  readonly at: string;
}

/** What a job has used so far; its reports are totals, so the last one counts. */
interface JobUsage {
  readonly job: string;
  readonly models: readonly ModelUsage[];
}

/** Who ended the call and why, each with the weight of its evidence (`end-evidence.ts`). */
export interface Ending {
  readonly by: EndedBy;
  readonly byWeight: number;
  readonly reason: EndReason;
  readonly reasonWeight: number;
  readonly sipCode?: number;
}

/**
 * @example isFinal('ended'); // true
 */
export function isFinal(state: CallState): boolean {
  return state === 'ended' || state === 'failed';
}
