import { RoomEvent } from '@livekit/rtc-node';
import type { RemoteParticipant, Room } from '@livekit/rtc-node';
import type { Logger } from 'pino';
import type { LiveKit } from '../../livekit/livekit-api.ts';
import { GREETED } from '../../calls/greeted.ts';

/** LiveKit, asked who came first, was busy or away. */
const ASK_AGAIN_MS = 1_000;

/**
 * LiveKit sends the agent again into a room that it makes anew when a node has died, and the agent
 * that was there comes back by itself. Of two in one room the one that has spoken with the caller
 * stays, because it knows what was said; of two that have or have not, the one that came first.
 */
export interface OneAgentOptions {
  readonly rooms: Pick<LiveKit, 'participant'>;
  /** Our agents' names, and those of the lines' fallbacks; other agents are not in the way. */
  readonly names: ReadonlySet<string>;
  readonly log: Pick<Logger, 'warn'>;
  /** Whether we have spoken with the caller. */
  readonly hasGreeted: () => boolean;
  /** Another one is with the caller. */
  readonly onOther: () => void;
}

/** @returns looks once more; resolves when it is known which of those who are there stays */
export function watchForOtherAgents(
  room: Room,
  options: OneAgentOptions,
  signal: AbortSignal,
): () => Promise<void> {
  let again: NodeJS.Timeout | undefined;
  const check = async () => {
    clearTimeout(again);
    const others = [...room.remoteParticipants.values()].filter((one) =>
      isOurAgent(one, options.names),
    );
    if (others.length === 0 || signal.aborted) return;
    try {
      const { name = '', localParticipant } = room;
      // After a reconnection the room object knows late what has become of us; the server knows.
      const me = await options.rooms.participant(name, localParticipant?.identity ?? '');
      const hasGreeted = options.hasGreeted();
      const isBefore = (other: RemoteParticipant) =>
        GREETED in other.attributes === hasGreeted
          ? cameBefore(other, Number(me.joinedAtMs), me.sid ?? '')
          : !hasGreeted;
      if (others.some(isBefore)) options.onOther();
    } catch (error) {
      options.log.warn({ err: error }, 'which of two agents is the first is not known');
      clearTimeout(again);
      if (!signal.aborted) again = setTimeout(look, ASK_AGAIN_MS);
    }
  };
  const look = () => void check();
  const looks = [
    RoomEvent.ParticipantConnected,
    RoomEvent.ParticipantAttributesChanged,
    RoomEvent.Reconnected,
  ] as const;
  for (const event of looks) room.on(event, look);
  signal.addEventListener('abort', () => {
    clearTimeout(again);
    for (const event of looks) room.off(event, look);
  });
  return check;
}

/** livekit-server tells by what name an agent was dispatched. */
export function isOurAgent(
  { attributes }: { readonly attributes?: Readonly<Record<string, string>> | undefined },
  names: ReadonlySet<string>,
): boolean {
  return names.has(attributes?.['lk.agent_name'] ?? '');
}

function cameBefore({ info, sid = '' }: RemoteParticipant, since: number, mySid: string): boolean {
  const came = Number(info.joinedAt ?? 0);
  return came < since || (came === since && sid < mySid);
}
