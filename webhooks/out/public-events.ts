import type { Call, Leg } from '../../calls/call.ts';
import { isFinal } from '../../calls/call.ts';
import type { CallEvent } from '../../calls/events.ts';
import { jobOf } from '../../calls/events.ts';
import { publicCall, publicSummary, publicTurn } from './public-call.ts';
import { mayComeBack } from '../../calls/state.ts';

/** What other software is told of, by webhooks and SSE; documented in docs/webhooks.md. */
export const PUBLIC_EVENT_TYPES = [
  'call.initiated',
  'call.ringing',
  'call.answered',
  'call.turn',
  'call.warning',
  'call.transfer.requested',
  'call.transfer.completed',
  'call.transfer.failed',
  'call.ended',
  'call.completed',
  'call.withdrawn',
  'room.started',
  'room.finished',
  'participant.joined',
  'participant.left',
  'endpoint.disabled',
  'endpoint.test',
] as const;
export type PublicEventType = (typeof PUBLIC_EVENT_TYPES)[number];

/** One entry of the log that SSE and webhooks are fed from. Never changed, never told twice. */
export interface PublicEvent {
  /** Place in the log, growing in the order in which events become visible; with gaps. */
  readonly position: number;
  /** `evt_` + ULID; the same in every delivery. */
  readonly id: string;
  readonly type: PublicEventType;
  /** Null for what concerns no call. */
  readonly callId: string | null;
  /** 1, 2, 3 … within the call, without gaps, in the order of telling; null without a call. */
  readonly sequence: number | null;
  /** When it happened, RFC 3339 with milliseconds; a late one may be before the one told before. */
  readonly timestamp: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** Something worth telling that a record shows. */
export interface Fact {
  /** The same thing has the same key, whatever else changes: it is told once per call. */
  readonly key: string;
  readonly type: PublicEventType;
  readonly timestamp: string;
  readonly data: () => PublicEvent['data'];
}

/** Causes before effects where times are equal. */
const RANK: Readonly<Record<PublicEventType, number>> = {
  'call.initiated': 0,
  'room.started': 1,
  'participant.joined': 2,
  'call.ringing': 3,
  'call.answered': 4,
  'call.turn': 5,
  'call.warning': 5,
  'call.transfer.requested': 6,
  'call.transfer.completed': 7,
  'call.transfer.failed': 7,
  'participant.left': 8,
  'call.ended': 9,
  'room.finished': 9,
  'call.withdrawn': 10,
  'call.completed': 10,
  'endpoint.disabled': 10,
  'endpoint.test': 10,
};

/**
 * All that a record has to tell, in the order of telling. What has been told is never taken back,
 * so a fact must be one that later events do not undo.
 *
 * @param events that have happened to the call just now: a record does not hold all they tell
 */
export function factsOf(call: Call, events: readonly CallEvent[] = []): readonly Fact[] {
  const facts = [...milestones(call), ...turnFacts(call.turns), ...presences(call)];
  return [...facts, ...events.flatMap(transfer), ...events.flatMap(warning)].sort(byTelling);
}

/** What was said, told by a worker that was cut off until the record had been sealed without it. */
export function lateFactsOf(events: readonly CallEvent[]): Fact[] {
  return events.flatMap((event) => {
    if (event.type !== 'turn') return [];
    const turn = { ...event.data, job: jobOf(event), at: event.at };
    const [fact] = turnFacts([turn]);
    return fact ? [{ ...fact, data: () => ({ ...fact.data(), late: true }) }] : [];
  });
}

/** Of an operator. Who hands a call over otherwise says so by its end. */
function transfer({ id, type, at: timestamp, data }: CallEvent): readonly Fact[] {
  switch (type) {
    case 'transfer.requested':
    case 'transfer.completed':
    case 'transfer.failed': {
      const { by: _key, ...shown } = data as { readonly by?: string };
      const about = () => ({ transfer: shown });
      return [{ key: `transfer:${id}`, type: `call.${type}`, timestamp, data: about }];
    }
    default:
      return [];
  }
}

/** What may be heard by the caller, or cost them the call, as it becomes known. */
function warning({ id, type, at: timestamp, data }: CallEvent): readonly Fact[] {
  const warn = (code: string, sentence: string): readonly Fact[] => {
    const about = () => ({ warning: { code, sentence } });
    return [{ key: `warning:${id}`, type: 'call.warning', timestamp, data: about }];
  };
  switch (type) {
    case 'agent.error': {
      const { component, message, recoverable } = data;
      // What the agent notices itself it says in words of its own; a provider's may be anything.
      if (component === 'session' || component === 'room')
        return warn(component, sentenceOf(message));
      const then = recoverable ? 'it is tried again' : 'the agent goes on without it';
      return warn(component, `The ${PARTS[component]} failed: ${then}.`);
    }
    case 'rescue.dispatched':
      return warn(data.reason, 'The caller has no agent: one was sent for again.');
    case 'rescue.fallback':
      return warn(data.reason, "The caller has no agent: the line's fallback was turned to.");
    case 'rescue.failed':
      return warn(data.reason, 'The caller has no agent, and the last attempt to get one failed.');
    case 'rescue.released':
      return warn(data.reason, 'No agent came: the caller was hung up on.');
    default:
      return [];
  }
}

const PARTS = {
  stt: 'speech recogniser',
  llm: 'language model',
  tts: 'voice',
  realtime: 'realtime model',
  tool: 'tool',
} as const;

/** Only what agent/speech/patience.ts and agent/audio/caller-silence.ts say. */
const OWN_WORDS = /^(?:no reply|the reply|the caller|no audio) [a-z0-9 ]+$/;

function sentenceOf(message: string): string {
  if (!OWN_WORDS.test(message)) return 'The conversation was disturbed.';
  return `${message.charAt(0).toUpperCase()}${message.slice(1)}.`;
}

function byTelling(a: Fact, b: Fact): number {
  const place = ({ type }: Fact) =>
    type === 'call.initiated' ? 0 : type === 'call.completed' ? 2 : 1;
  return (
    place(a) - place(b) ||
    (a.timestamp < b.timestamp ? -1 : a.timestamp > b.timestamp ? 1 : 0) ||
    RANK[a.type] - RANK[b.type]
  );
}

function milestones(call: Call): readonly Fact[] {
  const summary = () => ({ call: publicSummary(call) });
  const fact = (type: PublicEventType, timestamp: string | undefined, data = summary): Fact[] =>
    timestamp === undefined ? [] : [{ key: type, type, timestamp, data }];
  const { startedAt, answeredAt, ending, sealedAt, room } = call;
  const known = room?.sid !== undefined || room?.startedAt !== undefined;
  const aboutRoom = () => ({ room: { sid: room?.sid, name: room?.name } });
  return [
    ...fact('call.initiated', startedAt),
    ...fact('call.ringing', ringingAt(call)),
    ...fact('call.answered', answeredAt),
    ...fact(
      'call.transfer.completed',
      ending?.reason === 'transferred' && ending.by !== 'operator'
        ? (call.endingAt ?? call.endedAt)
        : undefined,
    ),
    ...fact('call.ended', isOverForGood(call) ? (call.endedAt ?? startedAt) : undefined),
    ...fact('call.completed', sealedAt, () => ({ call: publicCall(call) })),
    ...fact('room.started', room?.startedAt, aboutRoom as never),
    ...fact('room.finished', known ? room?.finishedAt : undefined, aboutRoom as never),
  ];
}

/** Its first participant came into the room. */
function ringingAt({ legs, startedAt }: Call): string | undefined {
  const stays = legs.flatMap((leg) => leg.stays);
  if (stays.length === 0) return undefined;
  return stays.flatMap(({ joinedAt }) => joinedAt ?? []).sort()[0] ?? startedAt;
}

function isOverForGood(call: Call): boolean {
  if (!isFinal(call.state) || call.sealedAt !== undefined) return call.sealedAt !== undefined;
  // Who is not on the telephone may come back as long as there is a room.
  if (call.legs.length === 0) return call.room?.finishedAt !== undefined;
  return !mayComeBack(call);
}

function turnFacts(turns: Call['turns']): readonly Fact[] {
  return turns.map((turn) => ({
    key: `turn:${turn.job}:${turn.index}`,
    type: 'call.turn',
    timestamp: turn.at,
    data: () => ({ turn: publicTurn(turn) }),
  }));
}

/** Callers and agents, as they come and go; not every source tells when they came. */
function presences(call: Call): readonly Fact[] {
  return [
    ...call.legs.flatMap((leg) =>
      leg.stays.flatMap(({ participantSid, joinedAt, leftAt }) =>
        presence(
          participantSid,
          joinedAt ?? call.startedAt,
          leftAt ?? call.room?.finishedAt,
          aboutLeg(call, leg),
        ),
      ),
    ),
    ...call.agents.flatMap(({ participantSid, joinedAt, leftAt, name, jobId }) =>
      participantSid === undefined
        ? []
        : presence(participantSid, joinedAt ?? call.startedAt, leftAt, {
            kind: 'agent',
            name,
            jobId,
          }),
    ),
  ];
}

function aboutLeg({ ingress }: Call, { sipCallId, direction, from, to }: Leg): object {
  const kind = ingress === 'browser' ? 'browser' : 'sip';
  return { kind, sipCallId, direction, from, to };
}

function presence(
  participantSid: string,
  joinedAt: string,
  leftAt: string | undefined,
  about: object,
): Fact[] {
  const data = () => ({ participant: { sid: participantSid, ...about } });
  const facts: Fact[] = [];
  for (const [type, timestamp] of [
    ['participant.joined', joinedAt],
    ['participant.left', leftAt],
  ] as const) {
    if (timestamp === undefined) continue;
    facts.push({ key: `${type}:${participantSid}`, type, timestamp, data });
  }
  return facts;
}

/** Whether a type is one of those named: `call.ended`, all below `call.*`, or `*`. */
export function matchesType(type: string, patterns: readonly string[]): boolean {
  return patterns.some(
    (pattern) =>
      pattern === '*' ||
      pattern === type ||
      (pattern.endsWith('.*') && type.startsWith(pattern.slice(0, -1))),
  );
}
