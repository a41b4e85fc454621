import type { CallEvent } from '../events.ts';
import { ERASED } from '../erased.ts';
import type { Correlation } from '../reports.ts';
import type { Key } from './key.ts';

/** What an event is found by, and what it makes known. */
export interface EventKeys {
  /** All that it names which no other can bear. */
  readonly ids: readonly Key[];
  /** The room's name, which several rooms may have had. */
  readonly names: readonly Key[];
  /** All that later events may know its call by. */
  readonly ofCall: readonly Key[];
  /** It says nothing but a room's name. */
  readonly isNameOnly: boolean;
  /** It tells of a leg that it names. */
  readonly isOfLeg: boolean;
  /** A call exists from it on. */
  readonly isFounding: boolean;
}

/**
 * @example
 * keysOf(event).ids; // [{ kind: 'sip', key: '…' }, { kind: 'room', key: 'RM_…' }]
 */
export function keysOf(event: CallEvent): EventKeys {
  const { roomName } = event.correlation;
  const { leg, place } = idsOf(event.correlation);
  const ids = [...leg, ...place];
  // What was erased is no name: many calls would have it.
  const hasName = roomName !== undefined && roomName !== ERASED;
  const names = hasName ? [{ kind: 'roomName', key: roomName } as const] : [];
  const isNameOnly = hasName && ids.length === 0;
  // An agent's or an observer's sid names nobody's leg, but its events belong to the same call.
  const isOfLeg = isLegEvent(event);
  const namesLeg = isOfLeg || event.correlation.sipCallId !== undefined;
  const ofCall = isNameOnly ? [] : [...(namesLeg ? leg : []), ...place, ...names];
  const isFounding = isOfLeg || event.type === 'call.found' || event.type === 'call.requested';
  return { ids, names, ofCall, isNameOnly, isOfLeg, isFounding };
}

/** Of a leg, its own ids and a report's participant, which is the caller; of where that was. */
export function idsOf({ sipCallId, participantSid, jobId, roomSid }: Correlation) {
  return {
    leg: [...keyOf('sip', sipCallId), ...keyOf('participant', participantSid)],
    place: [...keyOf('job', jobId), ...keyOf('room', roomSid)],
  };
}

function keyOf(kind: Key['kind'], key: string | undefined): Key[] {
  return key === undefined ? [] : [{ kind, key }];
}

/** Whether it tells of a leg that it names. */
export function isLegEvent(event: CallEvent): boolean {
  const { sipCallId, participantSid } = event.correlation;
  if (sipCallId === undefined && participantSid === undefined) return false;
  switch (event.type) {
    case 'leg.invited':
    case 'leg.answered':
    case 'leg.ended':
      return true;
    case 'participant.joined':
    case 'participant.left':
      return event.data.kind === 'sip' || event.data.kind === 'browser';
    default:
      return false;
  }
}

/** A key as one text, the same for the same key. */
export function nameOf({ kind, key }: Key): string {
  return `${kind} ${key}`;
}
