import { AgentDispatchClient, RoomServiceClient, ServerError, SipClient } from 'livekit-server-sdk';
import type { CreateOptions } from 'livekit-server-sdk';
import type { LiveKitConfig } from '../config/config.ts';
import { told } from './livekit-error.ts';
import { LiveKitParticipant } from './livekit-webhook.ts';
import type { SipSetup } from './sip-setup.ts';

const REQUEST_TIMEOUT_SECONDS = 5;

/** Who LiveKit says is where, now. Each rejects when LiveKit does not answer. */
export interface LiveKitRooms {
  /** @param name one of this name; without it, all */
  rooms(name?: string): Promise<readonly LiveKitRoom[]>;
  /** Empty when the room has gone meanwhile. */
  participants(roomName: string): Promise<readonly LiveKitParticipant[]>;
}

export interface LiveKitRoom {
  readonly name: string;
  readonly sid: string;
}

export interface DialOptions {
  readonly trunkId: string;
  readonly room: string;
  readonly line: string;
  /** E.164 */
  readonly to: string;
  readonly from?: string | undefined;
  readonly ringingSeconds: number;
}

export interface DialledLeg {
  readonly sipCallId: string;
  readonly participantSid: string;
}

/**
 * What is done in rooms. What is gone already is as good as removed.
 *
 * LiveKit's API deletes rooms and removes people by name, and a name may be somebody else's by now:
 * a caller whose LiveKit node died is back in a room of the same name, with another agent. So
 * whoever is there is looked at just before, by sid. (LiveKit has no conditional removal: what
 * changes in the milliseconds between is not seen.)
 */
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
   * Hangs up on all, unless the name is another room's by now or somebody is there who may not go:
   * an unanswered caller of livekit-sip gets 486. Whether the room is gone.
   */
  deleteRoom(room: LiveKitRoom, mayGo: (person: LiveKitParticipant) => boolean): Promise<boolean>;
  /** Of a participant; those that are not named stay. Rejects when it has gone. */
  setAttributes(
    roomName: string,
    identity: string,
    attributes: Readonly<Record<string, string>>,
  ): Promise<void>;
  /**
   * By SIP REFER; resolves when the far end has taken the call, rejects with `LiveKitError`.
   *
   * @param to E.164 or a SIP address
   */
  transfer(roomName: string, identity: string, to: string, ringingSeconds: number): Promise<void>;
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

export interface LiveKit extends LiveKitRooms, LiveKitActions, LiveKitSip {
  /** Rejects when they have gone. */
  participant(roomName: string, identity: string): Promise<LiveKitParticipant>;
  createRoom(options: CreateOptions): Promise<LiveKitRoom>;
  /** Resolves when the far end has answered; rejects with `LiveKitError`. */
  dial(options: DialOptions): Promise<DialledLeg>;
}

/** LiveKit's server API, which is on the same port as its signalling. */
export function createLiveKit(config: LiveKitConfig): LiveKit {
  const host = config.url.replace(/^ws/, 'http');
  const args = [host, config.apiKey, config.apiSecret] as const;
  const options = { requestTimeout: REQUEST_TIMEOUT_SECONDS };
  const rooms = new RoomServiceClient(...args, options);
  const agents = new AgentDispatchClient(...args, options);
  const sip = new SipClient(...args, options);

  async function participants(roomName: string): Promise<readonly LiveKitParticipant[]> {
    const list = (await unlessGone(rooms.listParticipants(roomName))) ?? [];
    return list.map(described);
  }

  return {
    async rooms(name) {
      const list = await rooms.listRooms(name === undefined ? [] : [name]);
      return list.map(({ sid, name }) => ({ sid, name }));
    },
    participants,
    async participant(roomName, identity) {
      return described(await rooms.getParticipant(roomName, identity));
    },
    async createRoom(options) {
      const { sid, name } = await rooms.createRoom(options);
      return { sid, name };
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
    async removeParticipant(roomName, { identity, sid }) {
      const people = await participants(roomName);
      if (!people.some((person) => person.identity === identity && person.sid === sid)) return;
      await unlessGone(rooms.removeParticipant(roomName, identity));
    },
    async deleteRoom({ name, sid }, mayGo) {
      const [found] = await rooms.listRooms([name]);
      if (found === undefined) return true;
      if (found.sid !== sid || !(await participants(name)).every(mayGo)) return false;
      await unlessGone(rooms.deleteRoom(name));
      return true;
    },
    async setAttributes(roomName, identity, attributes) {
      await rooms.updateParticipant(roomName, identity, { attributes: { ...attributes } });
    },
    async dial({ trunkId, room, line, to, from, ringingSeconds }) {
      const { sipCallId, participantId } = await told(
        sip.createSipParticipant(trunkId, to, room, {
          participantIdentity: `sip_${to}`,
          participantName: `Phone ${to}`,
          participantAttributes: { line },
          ringingTimeout: ringingSeconds,
          waitUntilAnswered: true,
          ...(from !== undefined && { fromNumber: from }),
        }),
      );
      return { sipCallId, participantSid: participantId };
    },
    async transfer(roomName, identity, to, ringingSeconds) {
      const uri = to.startsWith('+') ? `tel:${to}` : to;
      await told(
        sip.transferSipParticipant(roomName, identity, uri, {
          playDialtone: true,
          ringingTimeout: ringingSeconds,
        }),
      );
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
function described(person: { toJson(): unknown }): LiveKitParticipant {
  return LiveKitParticipant.parse(person.toJson());
}

/** Undefined when what it is about has gone. */
async function unlessGone<T>(request: Promise<T>): Promise<T | undefined> {
  try {
    return await request;
  } catch (error) {
    if (error instanceof ServerError && error.status === 404) return undefined;
    throw error;
  }
}

async function unlessWithoutSip<T>(request: Promise<T[]>): Promise<T[]> {
  try {
    return await request;
  } catch (error) {
    if (error instanceof ServerError && error.message.includes('redis required')) return [];
    throw error;
  }
}
