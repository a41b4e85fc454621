import { createHmac } from 'node:crypto';
import type { Kysely } from 'kysely';
import type { CallEvent } from '../../calls/events.ts';
import { hasBlanks, withoutBlanks, withoutNumbers, withoutPerson } from './redact.ts';
import { ERASED } from '../../calls/erased.ts';
import type { LedgerSchema } from '../sql/schema.ts';
import { readNumber, replaceNumbers } from './written-numbers.ts';

/** How numbers are known again, without being kept. */
export interface NumberRules {
  /** ISO 3166: whose national formats the trunk writes. */
  readonly country: string | undefined;
  /** Numbers are few: a hash that anybody can make would tell them. */
  readonly secret: string;
}

/** What is kept of a number that was erased. */
export function hashNumber(number: string, { secret }: NumberRules): string {
  return createHmac('sha256', secret).update(number).digest('hex');
}

export interface Arrived {
  /** As it is to be stored. */
  readonly event: CallEvent;
  /** The call is one of somebody who was erased. */
  readonly isTheirs: boolean;
}

/**
 * Takes out of events what was erased before they came: a report that lay on another machine, a
 * webhook that was late. It counts when something began; a person who calls anew is not erased.
 */
export async function eraseArriving(
  tx: Kysely<LedgerSchema>,
  events: readonly CallEvent[],
  rules: NumberRules,
): Promise<(event: CallEvent) => Arrived> {
  const first = events.map(beganAt).sort()[0] ?? '';
  const erasures = await tx
    .selectFrom('erasures')
    .select(['numberHash', 'at', 'country'])
    .where('at', '>', first)
    .execute();
  const erasedAt = new Map<string, string>();
  for (const { numberHash, at } of erasures) {
    if (at > (erasedAt.get(numberHash) ?? '')) erasedAt.set(numberHash, at);
  }
  const countries = [...new Set([rules.country, ...erasures.map(({ country }) => country)])];

  return (event) => {
    if (erasedAt.size === 0 && !hasBlanks(event)) return { event, isTheirs: false };
    const isErased = (number: string) =>
      (erasedAt.get(hashNumber(number, rules)) ?? '') > beganAt(event);
    // In any national form that somebody's number had who was erased.
    const read = (written: string) => {
      const numbers = countries.flatMap((one) => readNumber(written, [one ?? undefined]) ?? []);
      return numbers.find(isErased) ?? numbers[0];
    };
    const mask = (text: string) =>
      withoutBlanks(
        replaceNumbers(text, read, (number) => (isErased(number) ? ERASED : undefined)),
      );
    const isTheirs = partiesOf(event).some((party) => mask(party) !== party);
    const masked = withoutNumbers(event, mask);
    return { event: isTheirs ? withoutPerson(masked) : masked, isTheirs };
  };
}

/** RFC 3339 with milliseconds. */
function beganAt({ at, data }: CallEvent): string {
  const joinedAt = 'joinedAt' in data ? data.joinedAt : undefined;
  return joinedAt !== undefined && joinedAt < at ? joinedAt : at;
}

/** The numbers that talk with each other, as the event tells them. */
function partiesOf(event: CallEvent): readonly string[] {
  switch (event.type) {
    case 'participant.joined':
    case 'participant.left':
      return [event.data.sip?.from, event.data.sip?.to].flatMap((party) => party ?? []);
    case 'leg.invited':
    case 'call.requested':
      return [event.data.to, event.data.from].flatMap((party) => party ?? []);
    default:
      return [];
  }
}
