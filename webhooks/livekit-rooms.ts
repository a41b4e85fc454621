import { RoomServiceClient } from 'livekit-server-sdk';
import type { LiveKitConfig } from '../config/config.ts';
import { LiveKitParticipant } from './livekit-webhook.ts';

const REQUEST_TIMEOUT_SECONDS = 5;

/** Who LiveKit says is where, now. */
export interface LiveKitRooms {
  /** Rejects when LiveKit does not answer. */
  rooms(): Promise<readonly { readonly sid: string; readonly name: string }[]>;
  /** Empty when the room has gone meanwhile. */
  participants(roomName: string): Promise<readonly LiveKitParticipant[]>;
}

export function createLiveKitRooms({ url, apiKey, apiSecret }: LiveKitConfig): LiveKitRooms {
  const client = new RoomServiceClient(url.replace(/^ws/, 'http'), apiKey, apiSecret, {
    requestTimeout: REQUEST_TIMEOUT_SECONDS,
  });
  return {
    async rooms() {
      const rooms = await client.listRooms();
      return rooms.map(({ sid, name }) => ({ sid, name }));
    },
    async participants(roomName) {
      try {
        const list = await client.listParticipants(roomName);
        // The JSON mapping is what webhooks carry, too.
        return list.map((participant) => LiveKitParticipant.parse(participant.toJson()));
      } catch (error) {
        if (error instanceof Error && 'status' in error && error.status === 404) return [];
        throw error;
      }
    },
  };
}
