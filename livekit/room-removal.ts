import { ParticipantInfo_Kind } from '@livekit/protocol';
import { ServerError } from 'livekit-server-sdk';
import type { RoomServiceClient } from 'livekit-server-sdk';

/**
 * LiveKit's API deletes rooms and removes people by name, and a name may be somebody else's by now:
 * a caller whose LiveKit node died is back in a room of the same name, with another agent. So
 * whoever is there is looked at just before, by sid. (LiveKit has no conditional removal: what
 * changes in the milliseconds between is not seen.)
 */
type Rooms = Pick<
  RoomServiceClient,
  'listRooms' | 'listParticipants' | 'deleteRoom' | 'removeParticipant'
>;
export type Person = Awaited<ReturnType<Rooms['listParticipants']>>[number];

export interface RoomRef {
  readonly name: string;
  readonly sid: string;
}

/**
 * Deletes the room, which hangs up on everybody in it: an unanswered caller of livekit-sip gets
 * 486.
 *
 * @param mayGo whether somebody in it may be hung up on; one who may not keeps the room
 * @returns whether it is gone; false when the name is another room's, or somebody may not go
 */
export async function deleteRoom(
  rooms: Rooms,
  { name, sid }: RoomRef,
  mayGo: (person: Person) => boolean,
): Promise<boolean> {
  const [found] = await rooms.listRooms([name]);
  if (found === undefined) return true;
  if (found.sid !== sid) return false;
  const people = (await unlessGone(rooms.listParticipants(name))) ?? [];
  if (!people.every(mayGo)) return false;
  await unlessGone(rooms.deleteRoom(name));
  return true;
}

/** Removes somebody, unless another who has the same identity is there by now. */
export async function removeParticipant(
  rooms: Rooms,
  roomName: string,
  { identity, sid }: { readonly identity: string; readonly sid: string },
): Promise<void> {
  const people = (await unlessGone(rooms.listParticipants(roomName))) ?? [];
  if (!people.some((person) => person.identity === identity && person.sid === sid)) return;
  await unlessGone(rooms.removeParticipant(roomName, identity));
}

/** The SDK's enum is of a copy of the protocol of its own. */
const SIP: number = ParticipantInfo_Kind.SIP;

/** On the telephone. */
export function isSip({ kind }: { readonly kind: number }): boolean {
  return kind === SIP;
}

/** Undefined when what it is about has gone. */
export async function unlessGone<T>(request: Promise<T>): Promise<T | undefined> {
  try {
    return await request;
  } catch (error) {
    if (error instanceof ServerError && error.status === 404) return undefined;
    throw error;
  }
}
