import type { Logger } from 'pino';
import type { LiveKitActions, LiveKitRoom } from '../livekit/livekit-api.ts';
import type { LiveKitParticipant } from '../livekit/livekit-webhook.ts';
import type { RoomState } from './reconcile-findings.ts';

/**
 * A room that nobody but agents has been in for this long is of no use to anybody, ms. An agent
 * that was sent ahead of its caller gives up after 60 s by itself.
 */
const ORPHAN_MS = 90_000;

export interface OrphanOptions {
  readonly livekit: Pick<LiveKitActions, 'dispatches' | 'deleteRoom'>;
  /** Only rooms into which one of these was dispatched are ours to delete. */
  readonly agentNames: ReadonlySet<string>;
  readonly log: Pick<Logger, 'info' | 'warn'>;
}

/**
 * Deletes rooms of ours that were left behind: empty, or with an agent alone. LiveKit closes such
 * rooms itself after their timeouts; some have none.
 */
export class OrphanRooms {
  readonly #options: OrphanOptions;
  /** Room sid to when it was first seen without a person. */
  readonly #since = new Map<string, number>();

  constructor(options: OrphanOptions) {
    this.#options = options;
  }

  async sweep(rooms: readonly RoomState[], now: Date): Promise<void> {
    const empty = rooms.filter(({ people }) => people !== undefined && people.every(isAgent));
    const sids = new Set(empty.map(({ sid }) => sid));
    for (const sid of this.#since.keys()) if (!sids.has(sid)) this.#since.delete(sid);
    for (const { sid, name } of empty) {
      const since = this.#since.get(sid) ?? now.getTime();
      this.#since.set(sid, since);
      if (now.getTime() - since >= ORPHAN_MS) await this.#delete({ sid, name });
    }
  }

  async #delete(room: LiveKitRoom): Promise<void> {
    const { livekit, agentNames, log } = this.#options;
    try {
      const dispatches = await livekit.dispatches(room.name);
      if (!dispatches.some(({ agentName }) => agentNames.has(agentName))) return;
      if (!(await livekit.deleteRoom(room, isAgent))) return; // somebody has come
      log.info({ room: room.name }, 'a room without a caller is deleted');
    } catch (error) {
      log.warn({ err: error, room: room.name }, 'a room without a caller could not be deleted');
    }
  }
}

function isAgent({ kind }: LiveKitParticipant): boolean {
  return kind === 'AGENT';
}
