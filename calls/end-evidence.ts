import type { Call, Ending, Leg } from './call.ts';
import type { LeaveReason, SipData } from './events.ts';
import { isOfOurIngress } from './legs.ts';
import type { EndReason, EndedBy, ReportBody } from './reports.ts';

type DataOf<T extends ReportBody['type']> = Extract<ReportBody, { type: T }>['data'];

/**
 * How much a statement about the end is worth. Several parties see one end and each says what it
 * looked like from there: who decided it knows why, who saw the SIP dialog knows by whom, and the
 * others only saw somebody leave. Equal weights: the earlier statement stays.
 */
const WEIGHT = {
  operator: 60,
  /** A transfer or a failure explains the hang-up that follows it. */
  cause: 50,
  /** The ingress, about its own SIP dialog. */
  dialog: 40,
  /** The agent had not heard the caller for long when LiveKit took their leaving for a hang-up. */
  unheard: 39,
  /** LiveKit, about a SIP participant that left by itself or was refused. */
  left: 38,
  /** The agent, about its own decision. */
  decision: 30,
  connectionLost: 25,
  /** The room or the participant was removed: by somebody whose reason is another statement. */
  removed: 20,
  /** The worker, about what others did. */
  hearsay: 15,
  inferred: 10,
  nothing: 0,
} as const;

/**
 * livekit-sip hangs up on a caller of whom nothing has come for 15 s (its `media_timeout`). The last
 * of it and the news of their leaving take their time to the agent, ms.
 */
const MEDIA_TIMEOUT_MS = 14_500;

/** What the agent decides itself; all else in its last report is what it saw others do. */
const DECISIONS: readonly EndReason[] = ['agent_hangup', 'max_duration', 'idle', 'voicemail'];
const FAILURES: readonly EndReason[] = ['no_agent', 'agent_lost', 'provider_failure'];
/** What an ingress says when somebody removed its participant or the room. */
const REMOVALS: readonly EndReason[] = ['agent_hangup', 'operator_hangup', 'room_deleted'];

function evidence(by: EndedBy, reason: EndReason, weight: number, sipCode?: number): Ending {
  return {
    by,
    byWeight: weight,
    reason,
    reasonWeight: weight,
    ...(sipCode !== undefined && { sipCode }),
  };
}

/** A failure says why, and leaves open who hung up in the end. */
function cause(by: EndedBy, reason: EndReason): Ending {
  return { by, byWeight: WEIGHT.inferred, reason, reasonWeight: WEIGHT.cause };
}

/**
 * @example mergeEnding(call.ending, fromLegEnded(data)).reason; // the better founded of the two
 */
export function mergeEnding(known: Ending | undefined, found: Ending): Ending {
  if (known === undefined) return found;
  const by = found.byWeight > known.byWeight ? found : known;
  const reason = found.reasonWeight > known.reasonWeight ? found : known;
  const sipCode = known.sipCode ?? found.sipCode;
  return {
    by: by.by,
    byWeight: by.byWeight,
    reason: reason.reason,
    reasonWeight: reason.reasonWeight,
    ...(sipCode !== undefined && { sipCode }),
  };
}

export function fromLegEnded(data: DataOf<'leg.ended'>): Ending {
  const { endedBy, endReason, sipCode } = data;
  if (endReason === 'unknown') return evidence(endedBy, endReason, WEIGHT.inferred, sipCode);
  if (REMOVALS.includes(endReason)) return evidence(endedBy, endReason, WEIGHT.removed, sipCode);
  return evidence(endedBy, endReason, WEIGHT.dialog, sipCode);
}

/** The ingress has taken over from an agent that is not there. */
export function fromFallback({ reason }: Pick<DataOf<'leg.fallback'>, 'reason'>): Ending {
  return cause('system', reason);
}

/** A person has taken over from an agent that is not there. */
export function fromRescueTransfer(): Ending {
  return evidence('system', 'transferred', WEIGHT.cause);
}

/** An operator's action, which has been done. */
export function fromOperator(reason: 'operator_hangup' | 'transferred'): Ending {
  return evidence('operator', reason, WEIGHT.operator);
}

/** What was to be an operator's hang-up has not happened. */
export function withoutOperator(ending: Ending | undefined): Ending | undefined {
  return ending?.reason === 'operator_hangup' ? undefined : ending;
}

/**
 * livekit-sip's answer to a call that we asked for: it knows the SIP status, webhooks do not. An
 * answer without one (it rang for too long, LiveKit is away) tells less than they do.
 */
export function fromDialFailed({
  endReason,
  sipCode,
}: {
  readonly endReason: EndReason;
  readonly sipCode?: number;
}): Ending {
  const weight = sipCode === undefined ? WEIGHT.connectionLost : WEIGHT.dialog;
  return evidence(dialFailedBy(endReason, sipCode), endReason, weight, sipCode);
}

function dialFailedBy(endReason: EndReason, sipCode: number | undefined): EndedBy {
  if (endReason === 'cancelled') return 'operator';
  // Without a status the trunk was not asked, or has not answered while it rang.
  return sipCode !== undefined || endReason === 'no_answer' ? 'carrier' : 'system';
}

/** @param isReplaced it was not with the caller any more: what it saw was its own end */
export function fromAgentEnded(
  call: Call,
  data: DataOf<'agent.ended'>,
  isReplaced: boolean,
): Ending {
  const { endedBy, endReason, callerSilentMs = 0 } = data;
  if (endReason === 'transferred') return evidence(endedBy, endReason, WEIGHT.cause);
  const refused = endReason === 'rejected' && endedBy === 'system';
  if (refused || DECISIONS.includes(endReason)) {
    return evidence(endedBy, endReason, WEIGHT.decision);
  }
  if (isReplaced) return evidence(endedBy, endReason, WEIGHT.nothing);
  if (endReason === 'caller_hangup' && callerSilentMs >= MEDIA_TIMEOUT_MS) {
    return evidence('carrier', 'media_timeout', WEIGHT.unheard);
  }
  if (FAILURES.includes(endReason)) {
    // After the caller has gone, a dead job explains nothing.
    return call.legs.length > 0 && call.legs.every((leg) => leg.endedAt !== undefined)
      ? evidence(endedBy, endReason, WEIGHT.inferred)
      : cause(endedBy, endReason);
  }
  return evidence(endedBy, endReason, WEIGHT.hearsay);
}

/** Whether it is no more than what somebody saw others do. */
export function isHearsay({ byWeight, reasonWeight }: Ending): boolean {
  return Math.max(byWeight, reasonWeight) <= WEIGHT.hearsay;
}

/** The agent's process or its connection died while somebody was on the line. */
export function agentVanished(): Ending {
  return cause('system', 'agent_lost');
}

/** Another agent has taken over: what happened to the one before it is not why the call ends. */
export function withoutCause(ending: Ending | undefined): Ending | undefined {
  if (ending === undefined || ending.reasonWeight !== WEIGHT.cause) return ending;
  return FAILURES.includes(ending.reason) ? undefined : ending;
}

/** A call whose end nobody told of. An ingress that lives reports its legs' ends, however late. */
export function fromLost(call: Call): Ending {
  const ingressDied = call.legs.some((leg) => isOfOurIngress(call, leg) && !leg.reportedEnd);
  return evidence('system', ingressDied ? 'service_lost' : 'unknown', WEIGHT.inferred);
}

/**
 * A SIP participant left. livekit-sip leaves `hangup` behind after a BYE or CANCEL, and `ringing`
 * when nobody was there to answer for. When the media stopped it leaves `active`, or says `hangup`
 * and stays for its BYE to be answered, until our agent deletes the room.
 */
export function fromSipLeft(
  call: Call,
  leg: Leg,
  reason: LeaveReason,
  status: SipData['status'],
): Ending {
  const answered = leg.answeredAt !== undefined;
  switch (reason) {
    case 'left':
      if (status === 'active') return evidence('carrier', 'media_timeout', WEIGHT.left);
      if (status === 'hangup') {
        return evidence('caller', answered ? 'caller_hangup' : 'cancelled', WEIGHT.left);
      }
      if (leg.direction === 'outbound') return evidence('system', 'cancelled', WEIGHT.removed);
      return call.agents.length === 0
        ? evidence('system', 'no_agent', WEIGHT.left)
        : evidence('caller', 'cancelled', WEIGHT.hearsay);
    case 'rejected':
      return evidence('carrier', 'rejected', WEIGHT.left);
    case 'unavailable':
      return evidence('carrier', 'no_answer', WEIGHT.left);
    case 'trunk_failure':
      return evidence('carrier', 'trunk_failure', WEIGHT.left);
    case 'media_failure':
      return evidence('carrier', 'media_timeout', WEIGHT.left);
    case 'connection_lost':
    case 'server_shutdown':
      return evidence('system', 'service_lost', WEIGHT.connectionLost);
    case 'removed':
    case 'room_deleted':
    case 'room_closed':
      // It was over for livekit-sip before: a BYE of its own had gone unanswered.
      if (status === 'hangup') return evidence('carrier', 'media_timeout', WEIGHT.connectionLost);
      return evidence('system', 'room_deleted', WEIGHT.removed);
    case 'agent_error':
    case 'other':
      return evidence('system', 'unknown', WEIGHT.nothing);
    default:
      return reason satisfies never;
  }
}
