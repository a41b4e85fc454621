import type { CallEvent } from '../events.ts';
import { ERASED } from '../erased.ts';
import type { Key } from './key.ts';

/** All that later events may know the call by. */
export function callKeys(event: CallEvent): readonly Key[] {
  if (isNameOnly(event)) return [];
  const { sipCallId } = event.correlation;
  // An agent's or an observer's sid names nobody's leg, but its events belong to the same call.
  return [
    ...(isLegEvent(event) || sipCallId !== undefined ? legKeys(event) : []),
    ...placeKeys(event),
    ...nameKeys(event),
  ];
}

/** All that the event may be found by, whether or not it names a call. */
export function lookupKeys(event: CallEvent): readonly Key[] {
  return [...callKeys(event), ...legKeys(event)];
}

/** All that the event names which no other can bear. */
export function idKeys(event: CallEvent): readonly Key[] {
  return [...legKeys(event), ...placeKeys(event)];
}

/** What names the event's leg: its own ids, and a report's participant, which is the caller. */
export function legKeys({ correlation: { sipCallId, participantSid } }: CallEvent): readonly Key[] {
  return [
    ...(sipCallId === undefined ? [] : [{ kind: 'sip', key: sipCallId } as const]),
    ...(participantSid === undefined
      ? []
      : [{ kind: 'participant', key: participantSid } as const]),
  ];
}

function placeKeys({ correlation: { jobId, roomSid } }: CallEvent): readonly Key[] {
  return [
    ...(jobId === undefined ? [] : [{ kind: 'job', key: jobId } as const]),
    ...(roomSid === undefined ? [] : [{ kind: 'room', key: roomSid } as const]),
  ];
}

/** The room's name, which several rooms may have had. */
export function nameKeys(event: CallEvent): readonly Key[] {
  return hasName(event) ? [{ kind: 'roomName', key: event.correlation.roomName ?? '' }] : [];
}

/** It says nothing but a room's name. */
export function isNameOnly(event: CallEvent): boolean {
  return hasName(event) && idKeys(event).length === 0;
}

/** What was erased is no name: many calls would have it. */
function hasName({ correlation: { roomName } }: CallEvent): boolean {
  return roomName !== undefined && roomName !== ERASED;
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
      return event.data.kind === 'sip';
    default:
      return false;
  }
}

/** Whether a call exists from this event on. */
export function isFounding(event: CallEvent): boolean {
  return isLegEvent(event) || event.type === 'call.found' || event.type === 'call.requested';
}

/** A key as one text, the same for the same key. */
export function nameOf({ kind, key }: Key): string {
  return `${kind} ${key}`;
}
