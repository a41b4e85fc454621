import type { Correlation, EndReason, ReportBody } from './reports.ts';

/**
 * Something that happened to a call, from wherever we heard of it. A vendor's shape ends before
 * this: see livekit/from-livekit.ts.
 */
export type CallEvent = EventBase &
  (RoomEvent | PlainReportBody | FoundEvent | OperatorEvent | RescueEvent | OtherEvent);

type CallEventType = CallEvent['type'];

/** What a report tells in our own words; `caller.met` has LiveKit's. */
export type PlainReportBody = Exclude<ReportBody, { type: 'caller.met' }>;

interface EventBase {
  /** The same over retries: LiveKit's `EV_…`, a report's ULID, or made from what was found. */
  readonly id: string;
  readonly source: EventSource;
  /** When it happened, RFC 3339 with milliseconds, as well as the source knows. */
  readonly at: string;
  /** Concluded, not told. */
  readonly inferred?: boolean;
  readonly correlation: Correlation;
}

type EventSource = 'webhook' | 'worker' | 'ingress' | 'reconciler' | 'operator';

/** What LiveKit tells, or the reconciler in its place. */
type RoomEvent =
  | { readonly type: 'room.started'; readonly data: { readonly startedAt?: string } }
  | { readonly type: 'room.finished'; readonly data: Readonly<Record<string, never>> }
  | { readonly type: 'participant.joined'; readonly data: ParticipantData }
  | {
      readonly type: 'participant.left';
      readonly data: ParticipantData & { readonly reason: LeaveReason };
    }
  | { readonly type: 'track.published'; readonly data: TrackData }
  | { readonly type: 'track.unpublished'; readonly data: TrackData };

/** What the reconciler found and nobody will tell any more. */
type FoundEvent =
  /** The call's room and everybody in it are gone, or its room never came. */
  | { readonly type: 'call.lost'; readonly data: Readonly<Record<string, never>> }
  /** An agent waits in a room that no caller has entered: a call without a leg. */
  | { readonly type: 'call.found'; readonly data: Readonly<Record<string, never>> };

/** What was asked for over the API, and what came of it. `by`: id of the API key. */
type OperatorEvent =
  /** An outbound call: its room is there, nobody has been dialled yet. */
  | {
      readonly type: 'call.requested';
      readonly data: OperatorData & {
        readonly to: string;
        readonly from?: string;
        readonly line: string;
        readonly trunk: string;
      };
    }
  | { readonly type: 'dial.answered'; readonly data: Readonly<Record<string, never>> }
  /** Nobody was reached, or there was no line to reach anybody by. */
  | {
      readonly type: 'dial.failed';
      readonly data: FailureData & { readonly endReason: EndReason };
    }
  | { readonly type: 'hangup.requested'; readonly data: OperatorData }
  /** Somebody was let in to listen, as that identity. */
  | {
      readonly type: 'listener.admitted';
      readonly data: OperatorData & { readonly identity: string };
    }
  /** The call goes on. */
  | { readonly type: 'hangup.failed'; readonly data: FailureData }
  | {
      readonly type: 'transfer.requested' | 'transfer.completed';
      readonly data: OperatorData & { readonly to: string };
    }
  | {
      readonly type: 'transfer.failed';
      readonly data: FailureData & { readonly to: string };
    };

interface OperatorData {
  readonly by?: string;
}

interface FailureData {
  /** Final status of the INVITE or REFER, e.g. 486. */
  readonly sipCode?: number;
  readonly detail?: string;
}

/** What the call service did for a caller without an agent, or about an agent without a caller. */
type RescueEvent =
  /** The agent was sent for again. */
  | {
      readonly type: 'rescue.dispatched';
      readonly data: RescueData & { readonly agentName: string };
    }
  /** The line's fallback was turned to: another agent, or a person. */
  | {
      readonly type: 'rescue.fallback';
      readonly data: RescueData & { readonly agentName?: string; readonly number?: string };
    }
  /** The step before came to nothing. */
  | {
      readonly type: 'rescue.failed';
      readonly data: RescueData & { readonly detail: string };
    }
  /** The person that the line names has taken the call. */
  | { readonly type: 'rescue.transferred'; readonly data: RescueData }
  /** Nobody is coming: the caller was hung up on. */
  | { readonly type: 'rescue.released'; readonly data: RescueData }
  /** An agent's participant was removed: its process is dead, or its caller has gone. */
  | {
      readonly type: 'rescue.removed';
      readonly data: { readonly reason: 'agent_lost' | 'caller_gone'; readonly identity: string };
    };

interface RescueData {
  readonly reason: 'no_agent' | 'agent_lost';
  /** Jobs that the call had had until then: tells the steps of one loss from those of the next. */
  readonly agents: number;
}

/** Stored for the timeline, without effect on the record. */
interface OtherEvent {
  readonly type: 'other';
  readonly data: { readonly event: string };
}

interface TrackData {
  readonly identity?: string;
  readonly trackSid?: string;
  readonly name?: string;
}

/** A browser's is of the desk. */
export type CallerKind = 'sip' | 'browser';

export interface ParticipantData {
  readonly kind: CallerKind | 'agent' | 'other';
  readonly identity: string;
  readonly joinedAt?: string;
  /** Of callers. */
  readonly sip?: SipData;
  /** Of agents: the name that they were dispatched by. */
  readonly agentName?: string;
}

/** The `sip.*` attributes of a caller, or what a browser has in their place; header and caller values are the caller's to choose. */
export interface SipData {
  readonly status?: 'dialing' | 'ringing' | 'automation' | 'active' | 'hangup';
  /** When that was seen, where it was later than the event that it is part of. */
  readonly statusAt?: string;
  readonly direction: 'inbound' | 'outbound';
  readonly ingress: 'livekit-sip' | 'sip' | 'browser';
  readonly sipCallIdFull?: string;
  readonly trunk?: string;
  readonly rule?: string;
  readonly line?: string;
  readonly from?: string;
  readonly to?: string;
}

/** Why a participant left, in words of ours. */
export type LeaveReason =
  | 'left'
  | 'removed'
  | 'room_deleted'
  | 'room_closed'
  | 'connection_lost'
  | 'server_shutdown'
  | 'unavailable'
  | 'rejected'
  | 'trunk_failure'
  | 'media_failure'
  | 'agent_error'
  | 'other';

/**
 * Sorts events as they are folded: by time, and within one millisecond causes before effects,
 * because a webhook's time may be a whole second.
 */
export function orderOf(event: CallEvent): string {
  return `${event.at} ${RANK[event.type]} ${event.id}`;
}

/** What a turn's index and a usage's totals are of. */
export function jobOf({ correlation }: CallEvent): string {
  return correlation.jobId ?? correlation.workerId ?? '';
}

const RANK = {
  'call.requested': 0,
  'room.started': 0,
  'call.found': 0,
  'leg.invited': 1,
  'participant.joined': 2,
  'agent.started': 3,
  'track.published': 3,
  'leg.answered': 4,
  'dial.answered': 4,
  'agent.first_audio': 5,
  'leg.held': 6,
  'leg.resumed': 6,
  'leg.dtmf': 6,
  turn: 6,
  other: 6,
  'agent.error': 6,
  'leg.fallback': 6,
  'rescue.dispatched': 6,
  'rescue.fallback': 6,
  'rescue.failed': 6,
  'rescue.removed': 6,
  'rescue.transferred': 7,
  'rescue.released': 7,
  'transfer.requested': 6,
  'hangup.requested': 6,
  'listener.admitted': 6,
  'hangup.failed': 7,
  'transfer.failed': 7,
  'transfer.completed': 7,
  'track.unpublished': 7,
  usage: 7,
  'leg.ended': 7,
  'dial.failed': 7,
  'participant.left': 8,
  'agent.ended': 8,
  'room.finished': 9,
  'call.lost': 9,
} as const satisfies Record<CallEventType, number>;
