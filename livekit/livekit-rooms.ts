import { AgentDispatchClient, RoomServiceClient, ServerError, SipClient } from 'livekit-server-sdk';
import type { LiveKitConfig } from '../config/config.ts';
import { deleteRoom, removeParticipant, unlessGone } from './room-removal.ts';
import type { Person, RoomRef } from './room-removal.ts';
import { LiveKitParticipant } from './livekit-webhook.ts';
import type { SipSetup } from './sip-setup.ts';

const REQUEST_TIMEOUT_SECONDS = 5;
/** How long a person's telephone rings before the caller is told that nobody comes, s. */
const TRANSFER_RINGING_SECONDS = 25;

/** Who LiveKit says is where, now. Each rejects when LiveKit does not answer. */
export interface LiveKitRooms {
  /** @param name one of this name; without it, all */
  rooms(name?: string): Promise<readonly LiveKitRoom[]>;
  /** Empty when the room has gone meanwhile. */
  participants(roomName: string): Promise<readonly LiveKitParticipant[]>;
}

export type LiveKitRoom = RoomRef;

/** What is done in rooms. What is gone already is as good as removed. */
export interface LiveKitActions {
  /** Agents that were asked for; none when the room has gone. */
  dispatches(roomName: string): Promise<readonly Dispatch[]>;
  dispatch(roomName: string, agentName: string, metadata: string): Promise<void>;
  /** Its job is told to end, if one has begun. */
  deleteDispatch(roomName: string, id: string): Promise<void>;
  /** Not somebody else of that identity, who is known by the sid. */
  removeParticipant(
    roomName: string,
    person: { readonly identity: string; readonly sid: string },
  ): Promise<void>;
  /**
   * Hangs up on all, unless the name is another room's by now or somebody is there who may not go.
   * Whether the room is gone.
   */
  deleteRoom(room: LiveKitRoom, mayGo: (person: LiveKitParticipant) => boolean): Promise<boolean>;
  /** Of a participant; those that are not named stay. Rejects when it has gone. */
  setAttributes(
    roomName: string,
    identity: string,
    attributes: Readonly<Record<string, string>>,
  ): Promise<void>;
  /** By SIP REFER; resolves when the far end has taken the call. */
  transfer(roomName: string, identity: string, number: string): Promise<void>;
}

export interface Dispatch {
  readonly id: string;
  readonly agentName: string;
  readonly metadata: string;
  /** Ids of the jobs that workers have taken for it. */
  readonly jobs: readonly string[];
}

/** Rejects when LiveKit does not answer. One that has no Redis has no trunks. */
export interface LiveKitSip {
  sipSetup(): Promise<SipSetup>;
}

export function createLiveKitRooms(
  config: LiveKitConfig,
): LiveKitRooms & LiveKitActions & LiveKitSip {
  const host = config.url.replace(/^ws/, 'http');
  const args = [host, config.apiKey, config.apiSecret] as const;
  const options = { requestTimeout: REQUEST_TIMEOUT_SECONDS };
  const rooms = new RoomServiceClient(...args, options);
  const agents = new AgentDispatchClient(...args, options);
  const sip = new SipClient(...args, options);
  return {
    async rooms(name) {
      const list = await rooms.listRooms(name === undefined ? [] : [name]);
      return list.map(({ sid, name }) => ({ sid, name }));
    },
    async participants(roomName) {
      const list = (await unlessGone(rooms.listParticipants(roomName))) ?? [];
      return list.map(described);
    },
    async dispatches(roomName) {
      const list = (await unlessGone(agents.listDispatch(roomName))) ?? [];
      return list.map(({ id, agentName, metadata, state }) => {
        const jobs = state?.jobs.map((job) => job.id) ?? [];
        return { id, agentName, metadata, jobs };
      });
    },
    async dispatch(roomName, agentName, metadata) {
      await agents.createDispatch(roomName, agentName, { metadata });
    },
    async deleteDispatch(roomName, id) {
      await unlessGone(agents.deleteDispatch(id, roomName));
    },
    async removeParticipant(roomName, person) {
      await removeParticipant(rooms, roomName, person);
    },
    async deleteRoom(room, mayGo) {
      return deleteRoom(rooms, room, (person) => mayGo(described(person)));
    },
    async setAttributes(roomName, identity, attributes) {
      await rooms.updateParticipant(roomName, identity, { attributes: { ...attributes } });
    },
    async transfer(roomName, identity, number) {
      await sip.transferSipParticipant(roomName, identity, `tel:${number}`, {
        playDialtone: true,
        ringingTimeout: TRANSFER_RINGING_SECONDS,
      });
    },
    async sipSetup() {
      const [inbound, rules, outbound] = await Promise.all([
        unlessWithoutSip(sip.listSipInboundTrunk()),
        unlessWithoutSip(sip.listSipDispatchRule()),
        unlessWithoutSip(sip.listSipOutboundTrunk()),
      ]);
      return {
        trunks: inbound.map(({ sipTrunkId: id, numbers }) => ({ id, numbers })),
        rules: rules.map(({ trunkIds }) => ({ trunkIds })),
        outboundTrunkIds: outbound.map(({ sipTrunkId }) => sipTrunkId),
      };
    },
  };
}

/** In the JSON mapping, which is what webhooks carry, too. */
function described(person: Person): LiveKitParticipant {
  return LiveKitParticipant.parse(person.toJson());
}

async function unlessWithoutSip<T>(request: Promise<T[]>): Promise<T[]> {
  try {
    return await request;
  } catch (error) {
    if (error instanceof ServerError && error.message.includes('redis required')) return [];
    throw error;
  }
}
