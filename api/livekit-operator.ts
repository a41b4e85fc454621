import {
  AgentDispatchClient,
  RoomServiceClient,
  ServerError,
  SipCallError,
  SipClient,
} from 'livekit-server-sdk';
import type { EndReason } from '../calls/reports.ts';
import type { LiveKitConfig } from '../config/config.ts';
import { deleteRoom, isSip, removeParticipant, unlessGone } from '../livekit/room-removal.ts';
import type { Person, RoomRef } from '../livekit/room-removal.ts';

const REQUEST_TIMEOUT_SECONDS = 5;
/** A room nobody has come into yet is kept this long, s. */
const EMPTY_TIMEOUT_SECONDS = 120;
const TRANSFER_RINGING_SECONDS = 30;

/** What operators have LiveKit do. Each rejects with `LiveKitError`. */
export interface LiveKitOperator {
  createRoom(name: string): Promise<{ readonly sid: string }>;
  /** Undefined when there is no such room. */
  roomSid(name: string): Promise<string | undefined>;
  roomName(sid: string): Promise<string | undefined>;
  participants(room: string): Promise<readonly Present[]>;
  /**
   * Hangs up on all, unless the name is another room's by now or somebody is there who may not go.
   * Whether the room is gone.
   */
  deleteRoom(room: RoomRef, mayGo: (person: Present) => boolean): Promise<boolean>;
  /** Not somebody else of that identity, who is known by the sid. */
  removeParticipant(room: string, person: Pick<Present, 'identity' | 'sid'>): Promise<void>;
  dispatch(room: string, agentName: string, metadata: string): Promise<void>;
  /** Resolves when the far end has answered. */
  dial(options: DialOptions): Promise<DialledLeg>;
  /** By SIP REFER; resolves when the far end has taken the call. */
  transfer(room: string, identity: string, to: string): Promise<void>;
}

export interface Present {
  readonly sid: string;
  readonly identity: string;
  /** On the telephone. */
  readonly isSip: boolean;
  readonly sipCallId: string | undefined;
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

/** LiveKit, or the trunk behind it, did not do it. */
export class LiveKitError extends Error {
  /** What the trunk answered; undefined where it was not asked. */
  readonly sipCode: number | undefined;
  readonly endReason: EndReason;

  constructor(cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.sipCode = cause instanceof SipCallError ? cause.sipStatusCode : undefined;
    this.endReason = endReasonOf(cause, this.sipCode);
  }
}

export function createLiveKitOperator(config: LiveKitConfig): LiveKitOperator {
  const args = [config.url.replace(/^ws/, 'http'), config.apiKey, config.apiSecret] as const;
  const options = { requestTimeout: REQUEST_TIMEOUT_SECONDS };
  const rooms = new RoomServiceClient(...args, options);
  const agents = new AgentDispatchClient(...args, options);
  const sip = new SipClient(...args, options);

  return {
    async createRoom(name) {
      const { sid } = await told(rooms.createRoom({ name, emptyTimeout: EMPTY_TIMEOUT_SECONDS }));
      return { sid };
    },
    async roomSid(name) {
      const [room] = await told(rooms.listRooms([name]));
      return room?.sid;
    },
    async roomName(sid) {
      const all = await told(rooms.listRooms());
      return all.find((room) => room.sid === sid)?.name;
    },
    async participants(room) {
      return ((await told(unlessGone(rooms.listParticipants(room)))) ?? []).map(present);
    },
    async deleteRoom(room, mayGo) {
      return told(deleteRoom(rooms, room, (person) => mayGo(present(person))));
    },
    async removeParticipant(room, person) {
      await told(removeParticipant(rooms, room, person));
    },
    async dispatch(room, agentName, metadata) {
      await told(agents.createDispatch(room, agentName, { metadata }));
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
    async transfer(room, identity, to) {
      await told(
        sip.transferSipParticipant(room, identity, to.startsWith('+') ? `tel:${to}` : to, {
          playDialtone: true,
          ringingTimeout: TRANSFER_RINGING_SECONDS,
        }),
      );
    },
  };
}

async function told<T>(request: Promise<T>): Promise<T> {
  try {
    return await request;
  } catch (error) {
    throw new LiveKitError(error);
  }
}

function present(person: Person): Present {
  const { sid, identity, attributes } = person;
  return { sid, identity, isSip: isSip(person), sipCallId: attributes['sip.callID'] };
}

/** Why nobody was reached (RFC 3261 §21). */
function endReasonOf(cause: unknown, sipCode: number | undefined): EndReason {
  switch (sipCode) {
    case undefined:
      return cause instanceof ServerError && cause.code === 'deadline_exceeded'
        ? 'no_answer'
        : 'trunk_failure';
    case 486:
    case 600:
      return 'busy';
    case 408:
    case 480:
      return 'no_answer';
    case 487:
      return 'cancelled';
    // Ours to put right: credentials of the trunk.
    case 401:
    case 407:
      return 'trunk_failure';
    default:
      return sipCode >= 500 && sipCode < 600 ? 'trunk_failure' : 'rejected';
  }
}
