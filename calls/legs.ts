import type { Call, Leg, Stay } from './call.ts';
import type { SipData } from './events.ts';
import type { Correlation } from './reports.ts';

/** The leg that an event names, by `sip.callID` or by the participant's sid. */
export function findLeg(call: Call, correlation: Correlation): Leg | undefined {
  const { sipCallId, participantSid } = correlation;
  return call.legs.find(
    (leg) =>
      (sipCallId !== undefined && leg.sipCallId === sipCallId) ||
      (participantSid !== undefined &&
        leg.stays.some((stay) => stay.participantSid === participantSid)),
  );
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
    ? leg.stays.map((stay) => (stay === known ? { ...stay, ...change } : stay))
    : [...leg.stays, { participantSid, ...change }];
  return { ...leg, stays };
}

/** Fills in what the participant's attributes say; what the ingress reported itself stays. */
export function describeLeg(leg: Leg, sip: SipData | undefined): Leg {
  if (sip === undefined) return leg;
  const { sipCallIdFull, trunk, rule, from, to } = sip;
  return { ...defined({ sipCallIdFull, trunk, rule, from, to }), ...leg };
}

/** An answer that follows from something else never replaces one that was told. */
export function inferAnswer(leg: Leg, at: string): Leg {
  return leg.answeredAt === undefined ? { ...leg, answeredAt: at, answerInferred: true } : leg;
}

/** Over when the ingress said so, or when every participant that was the leg has left. */
export function endIfGone(leg: Leg, at: string): Leg {
  const gone = leg.reportedEnd === true || leg.stays.every((stay) => stay.leftAt !== undefined);
  if (gone) return leg.endedAt === undefined ? { ...leg, endedAt: at } : leg;
  const { endedAt: _backAgain, ...living } = leg;
  return living;
}

export function defined<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(
    Object.entries(value).filter(([, field]) => field !== undefined),
  ) as never;
}
