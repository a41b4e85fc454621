import { Room } from '@livekit/rtc-node';
import { AccessToken, RoomAgentDispatch } from 'livekit-server-sdk';
import type { Logger } from 'pino';
import type { LiveKitConfig } from '../config/config.ts';
import { createLiveKit } from '../livekit/livekit-api.ts';
import { isCaller } from '../livekit/livekit-webhook.ts';
import type { LiveKitParticipant } from '../livekit/livekit-webhook.ts';

/** A room that nobody joined, or that the caller left, is closed after this, s. */
const EMPTY_TIMEOUT = 30;
const DEPARTURE_TIMEOUT = 5;
/** The caller, the agent and a few who listen in. */
const MAX_PARTICIPANTS = 10;
/** Longer than any call. */
const TOKEN_TTL = '24h';

export interface JoinOptions {
  livekit: LiveKitConfig;
  agentName: string;
  roomName: string;
  /** `sip_<number>` */
  identity: string;
  /** `Phone <number>` */
  name: string;
  /** The `sip.*` attributes, `sip.callStatus` included. */
  attributes: Record<string, string>;
  /** JSON for the agent's job; also the room's metadata. */
  dispatchMetadata: string;
  log: Logger;
}

/**
 * Makes a room with the agent dispatched into it, and joins it as a SIP participant. The room comes
 * first, so that the agent is on its way while we connect.
 * @throws what LiveKit answers; nothing is left behind then.
 */
export async function joinRoom(options: JoinOptions): Promise<Room> {
  const { livekit, agentName, dispatchMetadata: metadata } = options;
  const [token, { sid }] = await Promise.all([
    makeToken(options),
    createLiveKit(livekit).createRoom({
      name: options.roomName,
      emptyTimeout: EMPTY_TIMEOUT,
      departureTimeout: DEPARTURE_TIMEOUT,
      maxParticipants: MAX_PARTICIPANTS,
      metadata,
      agents: [new RoomAgentDispatch({ agentName, metadata })],
    }),
  ]);
  const room = new Room();
  try {
    await room.connect(livekit.url, token, { autoSubscribe: false, dynacast: false });
  } catch (error) {
    await endRoom(options, sid);
    throw error;
  }
  return room;
}

/**
 * Deletes the caller's room, unless somebody else is on the telephone in it. Never throws: a room
 * that is not deleted closes by itself when it is empty.
 */
export async function endRoom(
  options: Pick<JoinOptions, 'livekit' | 'roomName' | 'identity' | 'log'>,
  sid: string,
): Promise<void> {
  const { livekit, roomName, identity, log } = options;
  try {
    const mayGo = (one: LiveKitParticipant) => !isCaller(one) || one.identity === identity;
    await createLiveKit(livekit).deleteRoom({ name: roomName, sid }, mayGo);
  } catch (error) {
    log.debug({ err: error }, 'room not deleted');
  }
}

async function makeToken(options: JoinOptions): Promise<string> {
  const { livekit, identity, name, attributes, roomName } = options;
  const token = new AccessToken(livekit.apiKey, livekit.apiSecret, {
    identity,
    name,
    attributes,
    ttl: TOKEN_TTL,
  });
  token.kind = 'sip';
  token.addGrant({
    roomJoin: true,
    room: roomName,
    canPublish: true,
    canSubscribe: true,
    canPublishData: true,
    canUpdateOwnMetadata: true,
  });
  return token.toJwt();
}
