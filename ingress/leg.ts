import { EventEmitter } from 'node:events';
import type { ReadableStreamDefaultReader } from 'node:stream/web';
import { setTimeout as delay } from 'node:timers/promises';
import {
  AudioStream,
  DisconnectReason,
  ParticipantKind,
  RoomEvent,
  TrackKind,
} from '@livekit/rtc-node';
import type {
  AudioFrame,
  RemoteParticipant,
  RemoteTrack,
  RemoteTrackPublication,
  Room,
} from '@livekit/rtc-node';
import { leaveRoom } from '../livekit/leave-room.ts';
import { CallerAudio, SAMPLE_RATE } from './caller-audio.ts';
import { endRoom, joinRoom } from './join-room.ts';
import type { JoinOptions } from './join-room.ts';

const FRAME_MS = 20;
/** A caller is not left in silence for longer than this while the connection is mended, ms. */
const RECONNECT_TIMEOUT = 10_000;
const DISCONNECT_TIMEOUT = 2_000;
/** RFC 4733 event numbers, which LiveKit's DTMF packets carry too. */
const DTMF_DIGITS = '0123456789*#ABCD';

/** Why the room was lost. */
export type LegClosedReason = 'room_deleted' | 'participant_removed' | 'connection_lost';

/** A SIP caller's status, in the attribute `sip.callStatus` as livekit-sip has it. */
export type CallStatus = 'ringing' | 'active' | 'hangup';

export type RoomLegOptions = JoinOptions;

interface RoomLegEvents {
  /** An agent's audio track is live and subscribed. */
  agentReady: [];
  /** The agent's audio: PCM16 mono 8 kHz, 20 ms. */
  audio: [pcm: Int16Array];
  /** The agent left while the room lives on. */
  agentGone: [];
  /** An agent's audio is there again. */
  agentBack: [];
  /** A digit that the agent wants sent to the caller. */
  dtmf: [digit: string];
  /** The room is lost; not after `close`. */
  closed: [reason: LegClosedReason];
}

/**
 * A caller's place in a LiveKit room, kept as livekit-sip keeps it (participant of kind SIP with
 * `sip.*` attributes, DTMF messages). Events come after the microtasks that follow `open`, so
 * listeners added right after it miss nothing.
 */
export class RoomLeg extends EventEmitter<RoomLegEvents> {
  readonly roomSid: string;
  readonly participantSid: string;
  readonly #room: Room;
  readonly #audio: CallerAudio;
  readonly #options: RoomLegOptions;
  #agent: { identity: string; reader: ReadableStreamDefaultReader<AudioFrame> } | undefined;
  #agentSeen = false;
  #reconnecting: NodeJS.Timeout | undefined;
  #closed = false;
  #closing: Promise<void> | undefined;

  /**
   * Makes the room with the agent dispatched into it, joins it and publishes the caller's (still
   * silent) audio.
   * @throws what LiveKit answers, or the signal's reason; nothing is left behind then. rtc-node
   * cannot be told to stop connecting: who waits for it no longer need not see the end of it.
   */
  static async open(options: RoomLegOptions, signal: AbortSignal): Promise<RoomLeg> {
    signal.throwIfAborted();
    const room = await joinRoom(options);
    const leg = new RoomLeg(room, await room.getSid(), options);
    try {
      await leg.#audio.publish(room);
      signal.throwIfAborted();
      return leg;
    } catch (error) {
      await leg.close({ deleteRoom: true });
      throw error;
    }
  }

  private constructor(room: Room, roomSid: string, options: RoomLegOptions) {
    super();
    this.#room = room;
    this.#options = options;
    this.#audio = new CallerAudio(options.log);
    this.roomSid = roomSid;
    this.participantSid = room.localParticipant?.sid ?? '';
    this.#listen();
  }

  /** The caller's audio: PCM16 mono 8 kHz, a multiple of 10 ms. */
  write(pcm: Int16Array): void {
    this.#audio.write(pcm);
  }

  async setStatus(status: CallStatus): Promise<void> {
    if (this.#closed) return;
    try {
      await this.#room.localParticipant?.setAttributes({ 'sip.callStatus': status });
    } catch (error) {
      // The room has gone meanwhile (LiveKit confirms late): `closed` says why.
      if (!this.#closed) throw error;
    }
  }

  /** Tells the room that the caller pressed a key: 0-9, *, #, A-D; anything else is ignored. */
  sendDtmf(digit: string): void {
    const code = DTMF_DIGITS.indexOf(digit.toUpperCase());
    if (this.#closed || code < 0) return;
    this.#room.localParticipant?.publishDtmf(code, digit).catch((error: unknown) => {
      this.#options.log.warn({ err: error }, 'digit not passed on to the room');
    });
  }

  /** Leaves the room, and deletes it when asked to. Never throws; twice is fine. */
  close(options: { deleteRoom?: boolean } = {}): Promise<void> {
    this.#closing ??= this.#leave(options.deleteRoom ?? false);
    return this.#closing;
  }

  async #leave(andDelete: boolean): Promise<void> {
    this.#stop();
    const stop = new AbortController();
    await Promise.race([
      leaveRoom(this.#room),
      delay(DISCONNECT_TIMEOUT, undefined, { signal: stop.signal }),
    ]).catch((error: unknown) => {
      this.#options.log.warn({ err: error }, 'room not left in order');
    });
    stop.abort();
    await this.#audio.close();
    if (andDelete) await endRoom(this.#options, this.roomSid);
  }

  #listen(): void {
    const room = this.#room;
    room.on(RoomEvent.TrackPublished, (publication, participant) => {
      this.#subscribe(publication, participant);
    });
    room.on(RoomEvent.TrackSubscribed, (track, _publication, participant) => {
      if (isAgent(participant) && track.kind === TrackKind.KIND_AUDIO) {
        this.#hear(track, participant);
      }
    });
    room.on(RoomEvent.ParticipantDisconnected, (participant) => {
      if (participant.identity !== this.#agent?.identity) return;
      this.#dropAgentAudio();
      if (!this.#hearAnother()) this.#emitLater('agentGone');
    });
    room.on(RoomEvent.DtmfReceived, (_code, digit) => {
      this.#emitLater('dtmf', digit);
    });
    room.on(RoomEvent.Reconnecting, () => {
      this.#options.log.warn('connection to the room lost, reconnecting');
      this.#reconnecting ??= setTimeout(() => {
        this.#lost('connection_lost');
      }, RECONNECT_TIMEOUT);
    });
    room.on(RoomEvent.Reconnected, () => {
      clearTimeout(this.#reconnecting);
      this.#reconnecting = undefined;
      this.#lookForAgents();
    });
    room.on(RoomEvent.Disconnected, (reason) => {
      this.#lost(closedReason(reason));
    });
    this.#lookForAgents();
  }

  /** Also after a reconnection: what was published meanwhile is not always told. */
  #lookForAgents(): void {
    for (const participant of this.#room.remoteParticipants.values()) {
      for (const publication of participant.trackPublications.values()) {
        this.#subscribe(publication, participant);
      }
    }
    if (this.#agentSeen && !this.#agent) this.#hearAnother();
  }

  /** Only the agent's audio: every other track would be decoded for nothing. */
  #subscribe(publication: RemoteTrackPublication, participant: RemoteParticipant): void {
    if (isAgent(participant) && publication.kind === TrackKind.KIND_AUDIO) {
      publication.setSubscribed(true);
    }
  }

  /** Of two agents one leaves, whichever it is. */
  #hearAnother(): boolean {
    for (const participant of this.#room.remoteParticipants.values()) {
      if (!isAgent(participant)) continue;
      for (const { track } of participant.trackPublications.values()) {
        if (track?.kind !== TrackKind.KIND_AUDIO) continue;
        this.#hear(track, participant);
        return true;
      }
    }
    return false;
  }

  #hear(track: RemoteTrack, participant: RemoteParticipant): void {
    this.#dropAgentAudio();
    const reader = new AudioStream(track, {
      sampleRate: SAMPLE_RATE,
      numChannels: 1,
      frameSizeMs: FRAME_MS,
    }).getReader();
    this.#agent = { identity: participant.identity, reader };
    void this.#pump(reader);
    this.#emitLater(this.#agentSeen ? 'agentBack' : 'agentReady');
    this.#agentSeen = true;
  }

  async #pump(reader: ReadableStreamDefaultReader<AudioFrame>): Promise<void> {
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        if (!this.#closed) this.emit('audio', value.data);
      }
    } catch (error) {
      if (!this.#closed) this.#options.log.warn({ err: error }, "the agent's audio broke off");
    }
  }

  #dropAgentAudio(): void {
    this.#agent?.reader.cancel().catch(() => {
      // It has ended by itself.
    });
    this.#agent = undefined;
  }

  #lost(reason: LegClosedReason): void {
    if (this.#closed) return;
    this.#stop();
    this.#options.log.info({ reason }, 'room lost');
    setImmediate(() => this.emit('closed', reason));
  }

  #stop(): void {
    this.#closed = true;
    clearTimeout(this.#reconnecting);
    this.#audio.stop();
    this.#dropAgentAudio();
  }

  #emitLater<K extends 'agentReady' | 'agentGone' | 'agentBack' | 'dtmf'>(
    event: K,
    ...data: RoomLegEvents[K]
  ): void {
    setImmediate(() => {
      if (!this.#closed) (this as EventEmitter).emit(event, ...data);
    });
  }
}

function isAgent(participant: RemoteParticipant): boolean {
  return participant.kind === ParticipantKind.AGENT;
}

function closedReason(reason: DisconnectReason): LegClosedReason {
  if (reason === DisconnectReason.ROOM_DELETED || reason === DisconnectReason.ROOM_CLOSED) {
    return 'room_deleted';
  }
  return reason === DisconnectReason.PARTICIPANT_REMOVED
    ? 'participant_removed'
    : 'connection_lost';
}
