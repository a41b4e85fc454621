import { randomBytes } from 'node:crypto';
import { RoomAgentDispatch, RoomConfiguration, TrackSource } from '@livekit/protocol';
import { AccessToken } from 'livekit-server-sdk';
import type { LiveKitConfig } from '../config/config.ts';
import { INGRESS, LISTENER, ROLE } from './livekit-webhook.ts';

/** To join within; who is in the room has it renewed by LiveKit. */
const TTL_SECONDS = 300;
/** A caller whose connection broke may come back into the room so long, s. */
const DEPARTURE_TIMEOUT_SECONDS = 20;
/** The caller, the agent and a few who listen in. */
const MAX_PARTICIPANTS = 10;

/** A place in one room, for one identity. */
export interface BrowserToken {
  readonly room: string;
  readonly identity: string;
  readonly token: string;
  /** RFC 3339; to join by. */
  readonly expiresAt: string;
}

type Key = Pick<LiveKitConfig, 'apiKey' | 'apiSecret'>;

/**
 * For a caller by browser, into a room that LiveKit makes when they join, with the agent of a line.
 * So nothing is left of who does not come.
 */
export function callerToken(
  key: Key,
  { agentName, line }: { readonly agentName: string; readonly line: string },
): Promise<BrowserToken> {
  const name = randomBytes(12).toString('hex');
  const room = `call-browser_${name}`;
  const metadata = JSON.stringify({ line });
  const roomConfig = new RoomConfiguration({
    departureTimeout: DEPARTURE_TIMEOUT_SECONDS,
    maxParticipants: MAX_PARTICIPANTS,
    metadata,
    agents: [new RoomAgentDispatch({ agentName, metadata })],
  });
  return sign(key, room, `browser_${name}`, { [INGRESS]: 'browser', line }, (token) => {
    token.addGrant({
      room,
      roomJoin: true,
      canPublish: true,
      canPublishSources: [TrackSource.MICROPHONE],
      canSubscribe: true,
      // Keys are data (DTMF).
      canPublishData: true,
      canUpdateOwnMetadata: false,
    });
    // By itself it is written with every field that this version of the protocol has, and a server
    // that does not know one refuses the token.
    token.roomConfig = roomConfig.toJson() as unknown as RoomConfiguration;
  });
}

/** For an operator who listens to a call: nobody in the room sees them, and they can say nothing. */
export function listenerToken(key: Key, room: string): Promise<BrowserToken> {
  const identity = `listener_${randomBytes(12).toString('hex')}`;
  return sign(key, room, identity, { [ROLE]: LISTENER }, (token) =>
    token.addGrant({
      room,
      roomJoin: true,
      hidden: true,
      canPublish: false,
      canPublishData: false,
      canSubscribe: true,
      canUpdateOwnMetadata: false,
    }),
  );
}

async function sign(
  { apiKey, apiSecret }: Key,
  room: string,
  identity: string,
  attributes: Record<string, string>,
  grant: (token: AccessToken) => void,
): Promise<BrowserToken> {
  const token = new AccessToken(apiKey, apiSecret, { identity, attributes, ttl: TTL_SECONDS });
  grant(token);
  const expiresAt = new Date(Date.now() + TTL_SECONDS * 1_000).toISOString();
  return { room, identity, token: await token.toJwt(), expiresAt };
}
