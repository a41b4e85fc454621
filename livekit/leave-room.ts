import type { Room } from '@livekit/rtc-node';

/**
 * Leaves a room, whoever ended it. When LiveKit has ended the connection (the room was deleted),
 * rtc-node's `disconnect` does nothing, and its client goes on telling the dead room of every event
 * of all others: each such room is kept for ever and costs time in every call that follows.
 *
 * @throws what LiveKit answers
 */
export async function leaveRoom(room: Room): Promise<void> {
  const wasConnected = room.isConnected;
  await room.disconnect();
  if (wasConnected) return;
  // rtc-node 0.13.35, room.ts: `disconnect` returns before it takes its listener off.
  const { onFfiEvent } = room as unknown as { onFfiEvent?: () => void };
  if (onFfiEvent) rtcClient()?.off('ffi_event', onFfiEvent);
  room.removeAllListeners();
}

/** Rooms that rtc-node tells of events. */
export function roomsListening(): number {
  return rtcClient()?.listenerCount('ffi_event') ?? 0;
}

function rtcClient(): typeof globalThis._ffiClientInstance {
  // oxlint-disable-next-line no-underscore-dangle -- rtc-node's name
  return globalThis._ffiClientInstance;
}
