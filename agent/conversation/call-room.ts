import { DisconnectReason, Room, RoomEvent } from '@livekit/rtc-node';
import type { RemoteParticipant } from '@livekit/rtc-node';
import type { Logger } from 'pino';
import { GREETED } from '../../calls/greeted.ts';
import type { Config } from '../../config/config.ts';
import { createLiveKit } from '../../livekit/livekit-api.ts';
import type { LiveKit } from '../../livekit/livekit-api.ts';
import { isCaller } from '../../livekit/livekit-webhook.ts';
import type { LiveKitParticipant } from '../../livekit/livekit-webhook.ts';
import { callStatus } from './caller.ts';
import { fromRoomDisconnect } from './ending.ts';
import type { Ending } from './ending.ts';
import { isOnThePhone } from './caller.ts';
import { followCaller } from './follow-caller.ts';
import type { CallerEvents } from './follow-caller.ts';
import { isOurAgent, watchForOtherAgents } from './one-agent.ts';

export interface CallRoomOptions {
  readonly config: Pick<Config, 'livekit' | 'agentName' | 'lines'>;
  /** As it was when the agent was sent there. */
  readonly name: string;
  readonly sid: string;
  readonly log: Logger;
  /** The room was lost, or another agent is with the caller. */
  readonly onLost: (ending: Ending) => void;
  /** After a failure of LiveKit's we are in another room of the same name. */
  readonly onMoved: (sid: string) => void;
}

/** The agent's place in a room: from its coming to its going, with whatever befalls the room. */
export class CallRoom {
  readonly room = new Room();
  readonly #options: CallRoomOptions;
  readonly #livekit: LiveKit;
  readonly #ourAgents: ReadonlySet<string>;
  #sid: string;
  #hasGreeted = false;
  #lookForOthers: (() => Promise<void>) | undefined;

  constructor(options: CallRoomOptions) {
    this.#options = options;
    this.#sid = options.sid;
    const { livekit, agentName, lines } = options.config;
    this.#livekit = createLiveKit(livekit);
    const fallbacks = lines.flatMap(({ fallback }) => fallback?.agent ?? []);
    this.#ourAgents = new Set([agentName, ...fallbacks]);
  }

  /** Rejects with the signal's reason; also where another agent of ours is there already. */
  async enter(url: string, token: string, signal: AbortSignal): Promise<void> {
    const { room } = this;
    const { onLost, log } = this.#options;
    room.on(RoomEvent.Disconnected, (reason) => onLost(fromRoomDisconnect(reason)));
    room.on(RoomEvent.Reconnected, () => void this.#findRoom());
    await room.connect(url, token, { autoSubscribe: true, dynacast: false });
    void this.#checkRoom();
    const names = this.#ourAgents;
    const onOther = () => onLost(REPLACED);
    const hasGreeted = () => this.#hasGreeted;
    const options = { names, log, hasGreeted, onOther, rooms: this.#livekit };
    this.#lookForOthers = watchForOtherAgents(room, options, signal);
    await this.#lookForOthers();
    signal.throwIfAborted();
  }

  /** Resolves when it is known that no other agent is to have the caller, or `onLost` was called. */
  async isOurs(): Promise<void> {
    await this.#lookForOthers?.();
  }

  follow(events: CallerEvents, signal: AbortSignal): void {
    followCaller(this.room, events, signal);
  }

  /** The caller has answered and was spoken to: for an agent that comes after us. */
  async markGreeted(caller: RemoteParticipant, jobId: string): Promise<void> {
    this.#hasGreeted = true;
    const mark = { [GREETED]: jobId };
    try {
      await this.room.localParticipant?.setAttributes(mark);
      const now = this.room.remoteParticipants.get(caller.identity);
      if (!now || !isOnThePhone(now) || callStatus(now) === 'hangup') return;
      const attributes = { ...mark, 'sip.callStatus': 'active' };
      await this.#livekit.setAttributes(this.#options.name, caller.identity, attributes);
    } catch (error) {
      // The caller has gone meanwhile, or the next agent will greet them again.
      this.#options.log.debug({ err: error }, 'the caller is not marked as greeted');
    }
  }

  /**
   * Hangs up on the caller. The room goes, unless somebody else is on the telephone in it; where
   * another agent has the caller by now, nothing is done.
   */
  async hangUp(caller: RemoteParticipant | undefined): Promise<void> {
    const { name } = this.#options;
    const sid = caller?.sid ?? '';
    const me = this.room.localParticipant?.identity;
    const mayGo = (one: LiveKitParticipant) => {
      if (isCaller(one)) return one.sid === sid;
      return one.identity === me || !isOurAgent(one, this.#ourAgents);
    };
    try {
      if (await this.#livekit.deleteRoom({ name, sid: this.#sid }, mayGo)) return;
      const people = [...this.room.remoteParticipants.values()];
      if (caller === undefined || people.some((one) => isOurAgent(one, this.#ourAgents))) return;
      await this.#livekit.removeParticipant(name, { identity: caller.identity, sid });
    } catch (error) {
      // The room closes by itself when the last one leaves.
      this.#options.log.warn({ err: error }, 'the caller cannot be hung up on');
    }
  }

  /**
   * The room may have been deleted while we were on our way; connecting, which is tried again and
   * again, has then made a new one that nobody will ever enter.
   */
  async #checkRoom(): Promise<void> {
    const sid = await this.room.getSid().catch(() => '');
    if (sid === '' || sid === this.#options.sid) return;
    this.#options.onLost(fromRoomDisconnect(DisconnectReason.ROOM_DELETED));
  }

  async #findRoom(): Promise<void> {
    try {
      const [found] = await this.#livekit.rooms(this.#options.name);
      if (found === undefined || found.sid === this.#sid) return;
      this.#sid = found.sid;
      this.#options.onMoved(found.sid);
    } catch (error) {
      this.#options.log.warn({ err: error }, 'the room that we are in is not known');
    }
  }
}

const REPLACED: Ending = {
  endedBy: 'system',
  endReason: 'agent_lost',
  detail: 'another agent is with the caller',
};
