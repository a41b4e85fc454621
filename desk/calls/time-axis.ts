import type { CallDetail, Delivery, TimelineEvent } from '../../client/index.ts';

/** Where on the axis an event stands, from the caller inwards. */
export const LANES = [
  'line',
  'room',
  'agent',
  'caller',
  'reply',
  'rescue',
  'operator',
  'deliveries',
] as const;
export type Lane = (typeof LANES)[number];

export const LANE_NAMES: Readonly<Record<Lane, string>> = {
  line: 'Line',
  room: 'Room',
  agent: 'Agent',
  caller: 'Caller says',
  reply: 'Agent says',
  rescue: 'Rescue',
  operator: 'Operator',
  deliveries: 'Told',
};

export interface Mark {
  /** Of the event, turn or delivery that it shows. */
  readonly id: string;
  readonly lane: Lane;
  readonly from: number;
  /** Absent: a moment. */
  readonly to?: number | undefined;
  readonly label: string;
  readonly kind: 'plain' | 'bad' | 'caller' | 'agent' | 'inferred';
}

export interface Axis {
  readonly from: number;
  readonly to: number;
  readonly marks: readonly Mark[];
}

/** All that is known of a call on one axis; times are epoch, ms. */
export function axisOf(call: CallDetail, deliveries: readonly Delivery[], now: number): Axis {
  const end = (at: string | undefined) => Date.parse(at ?? call.endedAt ?? '') || now;
  const legs = call.legs.map((leg, index): Mark => {
    const from = Date.parse(index === 0 ? call.startedAt : (leg.answeredAt ?? call.startedAt));
    const label = `${leg.direction} leg${leg.codec === undefined ? '' : `, ${leg.codec}`}`;
    return { id: `leg ${index}`, lane: 'line', from, to: end(leg.endedAt), label, kind: 'plain' };
  });
  const { agent } = call;
  const agents: Mark[] =
    agent?.startedAt === undefined
      ? []
      : [
          {
            id: 'agent',
            lane: 'agent',
            from: Date.parse(agent.startedAt),
            to: end(agent.endedAt),
            label: agent.profile ?? 'agent',
            kind: 'plain',
          },
        ];
  const turns = call.turns.map((turn, index): Mark => ({
    id: turnId(index),
    lane: turn.who === 'caller' ? 'caller' : 'reply',
    from: Date.parse(turn.startedAt ?? turn.at),
    to: Date.parse(turn.endedAt ?? turn.at),
    label: `${turn.who}: ${turn.text}`,
    kind: turn.who,
  }));
  const events = call.timeline
    .filter(({ type }) => type !== 'turn')
    .map((event): Mark => ({
      id: event.id,
      lane: laneOf(event),
      from: Date.parse(event.at),
      label: event.type,
      kind: kindOf(event),
    }));
  const told = deliveries.map((delivery): Mark => ({
    id: delivery.id,
    lane: 'deliveries',
    from: Date.parse(delivery.createdAt),
    to: delivery.finishedAt === undefined ? undefined : Date.parse(delivery.finishedAt),
    label: `${delivery.type}: ${delivery.state}`,
    kind: delivery.state === 'dead' ? 'bad' : 'plain',
  }));
  const marks = [...legs, ...agents, ...turns, ...events, ...told];
  // What is told afterwards would squeeze the call into a corner.
  const own = [...legs, ...agents, ...turns, ...events].flatMap(({ from, to }) => [
    from,
    to ?? from,
  ]);
  const from = Math.min(Date.parse(call.startedAt), ...own);
  return { from, to: Math.max(from + 1_000, ...own), marks };
}

export function turnId(index: number): string {
  return `turn ${index}`;
}

const BAD =
  /^(?:agent\.error|rescue\.|transfer\.failed|hangup\.failed|dial\.failed|call\.lost|leg\.fallback)/;

function kindOf({ type, inferred }: TimelineEvent): Mark['kind'] {
  if (BAD.test(type)) return 'bad';
  return inferred ? 'inferred' : 'plain';
}

function laneOf({ type, source, data }: TimelineEvent): Lane {
  if (type.startsWith('rescue.')) return 'rescue';
  if (source === 'operator') return 'operator';
  if (type.startsWith('leg.')) return 'line';
  if (type.startsWith('agent.') || type === 'usage') return 'agent';
  if (type.startsWith('participant.')) {
    if (data['kind'] === 'agent') return 'agent';
    return data['kind'] === 'other' ? 'operator' : 'line';
  }
  return 'room';
}
