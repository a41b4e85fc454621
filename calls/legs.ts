import type { Call, Leg, Stay } from './call.ts';
import type { SipData } from './events.ts';
import type { Correlation } from './reports.ts';

/**
 * The leg that an event names, by `sip.callID` or by the participant's sid.
 *
 * @example findLeg(call, { sipCallId: 'SCL_1' })?.answeredAt;
 */
export function findLeg(call: Call, correlation: Correlation): Leg | undefined {
  const { sipCallId, participantSid } = correlation;
  return call.legs.find(
    (leg) =>
      (sipCallId !== undefined && leg.sipCallId === sipCallId) ||
      (participantSid !== undefined &&
        leg.stays.some((stay) => stay.participantSid === participantSid)),
  );
}

/** An ingress of ours holds its SIP dialog, and reports how that ended. */
export function isOfOurIngress({ ingress }: Call, { invitedAt, direction }: Leg): boolean {
  return invitedAt !== undefined || (ingress === 'sip' && direction === 'inbound');
}

/** The call with that leg changed, or added when it has none; as it was when nothing names one. */
export function withLeg(
  call: Call,
  correlation: Correlation,
  direction: Leg['direction'],
  change: (leg: Leg) => Leg,
): Call {
  const known = findLeg(call, correlation);
  if (known !== undefined) {
    return { ...call, legs: call.legs.map((leg) => (leg === known ? change(leg) : leg)) };
  }
  const { sipCallId, participantSid } = correlation;
  const key = sipCallId ?? participantSid;
  if (key === undefined) return call;
  const fresh: Leg = { key, direction, stays: [], ...(sipCallId !== undefined && { sipCallId }) };
  return { ...call, legs: [...call.legs, change(fresh)] };
}

/** As `withLeg`, for what makes no sense about a leg that nobody has heard of. */
export function withKnownLeg(
  call: Call,
  correlation: Correlation,
  change: (leg: Leg) => Leg,
): Call {
  const known = findLeg(call, correlation);
  return known === undefined ? call : withLeg(call, correlation, known.direction, change);
}

/** Its participant is in the room, or was. */
export function withStay(leg: Leg, participantSid: string, change: Partial<Stay>): Leg {
  const known = leg.stays.find((stay) => stay.participantSid === participantSid);
  const stays = known
    ? leg.stays.map((stay) => (stay === known ? sinceEarliest(stay, change) : stay))
    : [...leg.stays, { participantSid, ...change }];
  return { ...leg, stays };
}

/** Fills in what the participant's attributes say; what the ingress reported itself stays. */
export function describeLeg(leg: Leg, sip: SipData | undefined): Leg {
  if (sip === undefined) return leg;
  const { sipCallIdFull, trunk, rule, from, to } = sip;
  return { ...defined({ sipCallIdFull, trunk, rule, from, to }), ...leg };
}

/**
 * What shows that the leg was answered by then. It never replaces an answer that was told; of
 * several such, the earliest is nearest to the truth.
 */
export function inferAnswer(leg: Leg, by: string): Leg {
  const { answeredAt } = leg;
  const isBetter = answeredAt === undefined || (leg.answerInferred === true && by < answeredAt);
  return isBetter ? { ...leg, answeredAt: by, answerInferred: true } : leg;
}

/**
 * The stay that the leg's end is the end of. A caller who reconnects is another participant, and
 * LiveKit may miss the one before only after the end of the one that replaced it.
 */
export function lastStay(...legs: readonly Pick<Leg, 'stays'>[]): Stay | undefined {
  return legs
    .flatMap(({ stays }) => stays)
    .reduce<Stay | undefined>(
      (last, stay) => (last !== undefined && cameAt(stay) < cameAt(last) ? last : stay),
      undefined,
    );
}

/** The same participant: where it is not told when it came, it came before it was seen. */
export function sinceEarliest<T extends { readonly joinedAt?: string }>(
  known: T,
  change: Partial<T>,
): T {
  const [joinedAt] = [known.joinedAt ?? [], change.joinedAt ?? []].flat().sort();
  return { ...known, ...change, ...(joinedAt !== undefined && { joinedAt }) };
}

/** Orders stays; what is not known came before. */
export function cameAt({ joinedAt = '' }: Pick<Stay, 'joinedAt'>): string {
  return joinedAt;
}

/** Over when the ingress said so, or when the participant that is the leg has left. */
export function endIfGone(leg: Leg): Leg {
  if (leg.reportedEnd === true) return leg;
  const { endedAt: _before, ...living } = leg;
  const leftAt = lastStay(leg)?.leftAt;
  return leftAt === undefined ? living : { ...living, endedAt: leftAt };
}

export function defined<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(
    Object.entries(value).filter(([, field]) => field !== undefined),
  ) as never;
}
