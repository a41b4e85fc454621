import type { CallEvent, LeaveReason, ParticipantData, SipData } from '../calls/events.ts';
import { plausibleTime } from '../calls/plausible-time.ts';
import type { Correlation } from '../calls/reports.ts';
import type { Line } from '../config/config.ts';
import { findLine } from '../config/config.ts';
import { toE164 } from '../config/e164.ts';
import { ANONYMOUS, isWithheld } from '../config/withheld-number.ts';
import { INGRESS } from './livekit-webhook.ts';
import type { LiveKitParticipant, LiveKitWebhook } from './livekit-webhook.ts';

/** What is needed to read the numbers in a participant's attributes. */
export interface NumberPlan {
  readonly lines: readonly Line[];
  /** Attribute with the dialled number where the Request-URI has another, e.g. `sip.h.called_did`. */
  readonly calledNumberAttribute: string | undefined;
  /** ISO 3166 country of national formats. */
  readonly country: string | undefined;
}

/** `sip.*` attribute values are the caller's to choose: no longer than this. */
const MAX_TEXT = 256;

/**
 * Our event for a LiveKit webhook; one that we do not know becomes `other`.
 *
 * @param receivedAt its time of arrival: `createdAt` is in whole seconds, and is when the event
 * was queued, not when it was sent
 */
export function fromLiveKit(
  webhook: LiveKitWebhook,
  receivedAt: Date,
  plan: NumberPlan,
): CallEvent {
  const { participant, room } = webhook;
  const at = happenedAt(webhook, receivedAt);
  const data = participant && participantData(participant, plan, at);
  const base = {
    id: webhook.id,
    source: 'webhook',
    at,
    correlation: correlationOf(participant, { roomSid: room?.sid, roomName: room?.name }),
  } as const;
  const track = {
    ...text('identity', participant?.identity),
    ...text('trackSid', webhook.track?.sid),
    ...text('name', webhook.track?.name),
  };
  switch (webhook.event) {
    case 'room_started': {
      const startedAt = plausibleTime(Number(room?.creationTimeMs), receivedAt) ?? at;
      return { ...base, at: startedAt, type: 'room.started', data: { startedAt } };
    }
    case 'room_finished':
      return { ...base, type: 'room.finished', data: {} };
    case 'participant_joined':
      if (data === undefined) break;
      return { ...base, at: data.joinedAt ?? at, type: 'participant.joined', data };
    case 'participant_left':
    case 'participant_connection_aborted': {
      if (data === undefined) break;
      const reason =
        webhook.event === 'participant_left'
          ? leaveReason(participant?.disconnectReason)
          : 'connection_lost';
      return { ...base, type: 'participant.left', data: { ...leaving(data, reason), reason } };
    }
    case 'track_published':
      return { ...base, type: 'track.published', data: track };
    case 'track_unpublished':
      return { ...base, type: 'track.unpublished', data: track };
    default:
  }
  return { ...base, type: 'other', data: { event: webhook.event } };
}

/**
 * A participant as LiveKit describes it, in a webhook or in a list.
 *
 * @param seenAt when it was so
 */
export function participantData(
  { identity = '', kind, joinedAtMs, attributes = {} }: LiveKitParticipant,
  plan: NumberPlan,
  seenAt: string,
): ParticipantData {
  const joinedAt = plausibleTime(Number(joinedAtMs), new Date(seenAt));
  const base = { identity: identity.slice(0, MAX_TEXT), ...(joinedAt && { joinedAt }) };
  if (attributes[INGRESS] === 'browser') {
    return { ...base, kind: 'browser', sip: browserData(attributes, joinedAt ?? seenAt) };
  }
  if (kind === 'SIP') return { ...base, kind: 'sip', sip: sipData(attributes, plan, seenAt) };
  if (kind === 'AGENT') {
    return { ...base, kind: 'agent', ...text('agentName', attributes['lk.agent.name']) };
  }
  return { ...base, kind: 'other' };
}

export function correlationOf(
  participant: LiveKitParticipant | undefined,
  room: { readonly roomSid: string | undefined; readonly roomName: string | undefined },
): Correlation {
  const { sid, identity, kind, attributes } = participant ?? {};
  // livekit-server names an agent's participant after its job.
  const jobId = kind === 'AGENT' ? /^agent-(AJ_\w+)$/.exec(identity ?? '')?.[1] : undefined;
  return {
    ...text('roomSid', room.roomSid),
    ...text('roomName', room.roomName),
    ...text('participantSid', sid),
    ...text('sipCallId', kind === 'SIP' ? attributes?.['sip.callID'] : undefined),
    ...text('jobId', jobId),
  };
}

/** Who calls by a browser is in conversation as soon as they are there. */
function browserData(attributes: Readonly<Record<string, string>>, joinedAt: string): SipData {
  return {
    direction: 'inbound',
    ingress: 'browser',
    status: 'active',
    statusAt: joinedAt,
    ...text('line', attributes['line']),
  };
}

/** A browser says no goodbye in its attributes: to leave is to hang up. */
function leaving(data: ParticipantData, reason: LeaveReason): ParticipantData {
  if (data.kind !== 'browser' || data.sip === undefined || reason !== 'left') return data;
  const { statusAt: _joined, ...sip } = data.sip;
  return { ...data, sip: { ...sip, status: 'hangup' } };
}

const STATUSES = ['dialing', 'ringing', 'automation', 'active', 'hangup'] as const;

function sipData(
  attributes: Readonly<Record<string, string>>,
  plan: NumberPlan,
  seenAt: string,
): SipData {
  const status = STATUSES.find((known) => known === attributes['sip.callStatus']);
  // Whom we call rings, too (`sip.callStatus`); only who calls in came by a rule.
  const inbound = Boolean(attributes['sip.ruleID']);
  const { calledNumberAttribute } = plan;
  const dialled =
    (calledNumberAttribute !== undefined && attributes[calledNumberAttribute]) ||
    attributes['sip.trunkPhoneNumber'];
  const ours = number(inbound ? dialled : attributes['sip.trunkPhoneNumber'], plan);
  const theirs = attributes['sip.phoneNumber'];
  const [from, to] = inbound ? [caller(theirs, plan), ours] : [ours, number(theirs, plan)];
  const line = attributes['line'] ?? findLine(plan.lines, ours ?? '')?.name;
  return {
    direction: inbound ? 'inbound' : 'outbound',
    ingress: attributes[INGRESS] === 'sip' ? 'sip' : 'livekit-sip',
    ...(status && { status }),
    ...(status === 'active' && { statusAt: seenAt }),
    ...text('sipCallIdFull', attributes['sip.callIDFull']),
    ...text('trunk', attributes['sip.trunkID']),
    ...text('rule', attributes['sip.ruleID']),
    ...text('line', line),
    ...text('from', from),
    ...text('to', to),
  };
}

function number(raw: string | undefined, { country }: NumberPlan): string | undefined {
  return raw === undefined ? undefined : (toE164(raw, { country }) ?? raw);
}

/** livekit-sip hands on what the network writes in a withheld number's place. */
function caller(raw: string | undefined, plan: NumberPlan): string | undefined {
  return raw !== undefined && isWithheld(raw) ? ANONYMOUS : number(raw, plan);
}

/** livekit.DisconnectReason by name; left out when unknown. */
function leaveReason(reason: string | undefined): LeaveReason {
  switch (reason) {
    case 'CLIENT_INITIATED':
      return 'left';
    case 'PARTICIPANT_REMOVED':
    case 'DUPLICATE_IDENTITY':
      return 'removed';
    case 'ROOM_DELETED':
      return 'room_deleted';
    case 'ROOM_CLOSED':
      return 'room_closed';
    case 'STATE_MISMATCH':
    case 'JOIN_FAILURE':
    case 'SIGNAL_CLOSE':
    case 'CONNECTION_TIMEOUT':
      return 'connection_lost';
    case 'SERVER_SHUTDOWN':
      return 'server_shutdown';
    case 'USER_UNAVAILABLE':
      return 'unavailable';
    case 'USER_REJECTED':
      return 'rejected';
    case 'SIP_TRUNK_FAILURE':
      return 'trunk_failure';
    case 'MEDIA_FAILURE':
      return 'media_failure';
    case 'AGENT_ERROR':
      return 'agent_error';
    default:
      return 'other';
  }
}

/** The arrival, where that fits `createdAt`; a webhook that was late happened in its own second. */
function happenedAt({ createdAt }: LiveKitWebhook, receivedAt: Date): string {
  const received = receivedAt.getTime();
  const second = Number(createdAt) * 1000;
  if (plausibleTime(second, receivedAt) === undefined) return receivedAt.toISOString();
  const at = Math.min(Math.max(received, second), second + 999);
  return new Date(at).toISOString();
}

function text<K extends string>(name: K, value: string | undefined): { [P in K]?: string } {
  return value === undefined || value === ''
    ? {}
    : ({ [name]: value.slice(0, MAX_TEXT) } as { [P in K]: string });
}
