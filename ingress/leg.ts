import { EventEmitter } from 'node:events';
import { performance } from 'node:perf_hooks';
import type { ReadableStreamDefaultReader } from 'node:stream/web';
import { setTimeout as delay } from 'node:timers/promises';
import {
  AudioFrame,
  AudioSource,
  AudioStream,
  DisconnectReason,
  LocalAudioTrack,
  ParticipantKind,
  Room,
  RoomEvent,
  TrackKind,
  TrackPublishOptions,
  TrackSource,
} from '@livekit/rtc-node';
import type { RemoteParticipant, RemoteTrack, RemoteTrackPublication } from '@livekit/rtc-node';
import { AccessToken, RoomAgentDispatch, RoomServiceClient } from 'livekit-server-sdk';
import type { Logger } from 'pino';
import type { LiveKitConfig } from '../config/config.ts';

const SAMPLE_RATE = 8_000;
const FRAME_MS = 20;
/** The only frame that an `AudioSource` without a queue takes: 10 ms. */
const CAPTURE_SAMPLES = SAMPLE_RATE / 100;
/** Frames given to rtc-node that it has not confirmed; more means that it is stuck, not busy. */
const MAX_OUTSTANDING = 50;
/** Opus, bit/s: more than 8 kHz speech needs. */
const BITRATE = 24_000n;
/** A room that nobody joined, or that the caller left, is closed after this, s. */
const EMPTY_TIMEOUT = 30;
const DEPARTURE_TIMEOUT = 5;
/** The caller, the agent and a few who listen in. */
const MAX_PARTICIPANTS = 10;
const TOKEN_TTL = '6h';
/** A caller is not left in silence for longer than this while the connection is mended, ms. */
const RECONNECT_TIMEOUT = 10_000;
const DISCONNECT_TIMEOUT = 2_000;
/** RFC 4733 event numbers, which LiveKit's DTMF packets carry too. */
const DTMF_DIGITS = '0123456789*#ABCD';

/** Why the room was lost. */
export type LegClosedReason = 'room_deleted' | 'participant_removed' | 'connection_lost';

/** A SIP caller's status, in the attribute `sip.callStatus` as livekit-sip has it. */
export type CallStatus = 'ringing' | 'active' | 'hangup';

export interface RoomLegOptions {
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
 * `sip.*` attributes, DTMF messages). The room is made with the agent dispatched into it.
 *
 * Events come after the microtasks that follow `open`, so listeners added right after it miss
 * nothing.
 */
export class RoomLeg extends EventEmitter<RoomLegEvents> {
  readonly roomSid: string;
  readonly participantSid: string;
  readonly #room: Room;
  readonly #source: AudioSource;
  readonly #service: RoomServiceClient;
  readonly #roomName: string;
  readonly #log: Logger;
  #agent:
    | { identity: string; reader: ReadableStreamDefaultReader<AudioFrame> | undefined }
    | undefined;
  #agentSeen = false;
  #silence: NodeJS.Timeout | undefined;
  #outstanding = 0;
  #captureWarned = false;
  #reconnecting: NodeJS.Timeout | undefined;
  #closed = false;
  #closing: Promise<void> | undefined;

  /**
   * Makes the room, joins it and publishes the caller's (still silent) audio.
   * @throws what LiveKit answers, or the signal's reason; nothing is left behind then.
   */
  static async open(options: RoomLegOptions, signal: AbortSignal): Promise<RoomLeg> {
    signal.throwIfAborted();
    const { livekit, roomName } = options;
    const service = new RoomServiceClient(httpUrl(livekit.url), livekit.apiKey, livekit.apiSecret);
    const room = new Room();
    const source = new AudioSource(SAMPLE_RATE, 1, 0);
    try {
      const [token] = await Promise.all([makeToken(options), createRoom(service, options)]);
      signal.throwIfAborted();
      await room.connect(livekit.url, token, { autoSubscribe: false, dynacast: false });
      signal.throwIfAborted();
      const leg = new RoomLeg(room, source, service, options, await room.getSid());
      await publish(room, source);
      signal.throwIfAborted();
      return leg;
    } catch (error) {
      await room.disconnect();
      await source.close();
      await service.deleteRoom(roomName).catch((cause: unknown) => {
        options.log.debug({ err: cause }, 'room of a failed leg not deleted');
      });
      throw error;
    }
  }

  private constructor(
    room: Room,
    source: AudioSource,
    service: RoomServiceClient,
    options: RoomLegOptions,
    roomSid: string,
  ) {
    super();
    this.#room = room;
    this.#source = source;
    this.#service = service;
    this.#roomName = options.roomName;
    this.#log = options.log;
    this.roomSid = roomSid;
    this.participantSid = room.localParticipant?.sid ?? '';
    this.#listen();
    // The server publishes a track when its first packet is there, so a caller of whom nothing has
    // been heard yet is silence: the agent can subscribe while the call still rings.
    const start = performance.now();
    let written = 0;
    this.#silence = setInterval(() => {
      // As much as time has passed, or the agent's jitter buffer takes us for a slow line.
      const elapsed = performance.now() - start;
      for (; written < elapsed; written += 10) this.#capture(new Int16Array(CAPTURE_SAMPLES));
    }, FRAME_MS);
  }

  /** The caller's audio: PCM16 mono 8 kHz, a multiple of 10 ms. */
  write(pcm: Int16Array): void {
    if (this.#closed) return;
    clearInterval(this.#silence);
    for (let at = 0; at + CAPTURE_SAMPLES <= pcm.length; at += CAPTURE_SAMPLES) {
      // A copy, because rtc-node reads from the start of the underlying buffer.
      this.#capture(pcm.slice(at, at + CAPTURE_SAMPLES));
    }
  }

  async setStatus(status: CallStatus): Promise<void> {
    if (this.#closed) return;
    await this.#room.localParticipant?.setAttributes({ 'sip.callStatus': status });
  }

  /** Tells the room that the caller pressed a key: 0-9, *, #, A-D. */
  sendDtmf(digit: string): void {
    const code = DTMF_DIGITS.indexOf(digit.toUpperCase());
    if (this.#closed || code < 0) return;
    this.#room.localParticipant?.publishDtmf(code, digit).catch((error: unknown) => {
      this.#log.warn({ err: error }, 'digit not passed on to the room');
    });
  }

  /** Leaves the room, and deletes it when asked to. Never throws; twice is fine. */
  close(options: { deleteRoom?: boolean } = {}): Promise<void> {
    this.#closing ??= this.#leave(options.deleteRoom ?? false);
    return this.#closing;
  }

  async #leave(deleteRoom: boolean): Promise<void> {
    this.#closed = true;
    clearInterval(this.#silence);
    clearTimeout(this.#reconnecting);
    this.#dropAgentAudio();
    const stop = new AbortController();
    await Promise.race([
      this.#room.disconnect(),
      delay(DISCONNECT_TIMEOUT, undefined, { signal: stop.signal }),
    ]).catch((error: unknown) => {
      this.#log.warn({ err: error }, 'room not left in order');
    });
    stop.abort();
    await this.#source.close();
    if (!deleteRoom) return;
    await this.#service.deleteRoom(this.#roomName).catch((error: unknown) => {
      this.#log.debug({ err: error }, 'room not deleted');
    });
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
      if (participant.identity === this.#agent?.identity) this.#agentGone();
    });
    room.on(RoomEvent.DtmfReceived, (_code, digit) => {
      this.#emitLater('dtmf', digit);
    });
    room.on(RoomEvent.Reconnecting, () => {
      this.#log.warn('connection to the room lost, reconnecting');
      this.#reconnecting ??= setTimeout(() => {
        this.#lost('connection_lost');
      }, RECONNECT_TIMEOUT);
    });
    room.on(RoomEvent.Reconnected, () => {
      clearTimeout(this.#reconnecting);
      this.#reconnecting = undefined;
    });
    room.on(RoomEvent.Disconnected, (reason) => {
      this.#lost(closedReason(reason));
    });
    for (const participant of room.remoteParticipants.values()) {
      for (const publication of participant.trackPublications.values()) {
        this.#subscribe(publication, participant);
      }
    }
  }

  /** Only the agent's audio: every other track would be decoded for nothing. */
  #subscribe(publication: RemoteTrackPublication, participant: RemoteParticipant): void {
    if (isAgent(participant) && publication.kind === TrackKind.KIND_AUDIO) {
      publication.setSubscribed(true);
    }
  }

  #hear(track: RemoteTrack, participant: RemoteParticipant): void {
    this.#dropAgentAudio();
    const stream = new AudioStream(track, {
      sampleRate: SAMPLE_RATE,
      numChannels: 1,
      frameSizeMs: FRAME_MS,
    });
    const reader = stream.getReader();
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
      if (!this.#closed) this.#log.warn({ err: error }, "the agent's audio broke off");
    }
  }

  #dropAgentAudio(): void {
    this.#agent?.reader?.cancel().catch(() => {
      // It has ended by itself.
    });
    this.#agent = undefined;
  }

  #agentGone(): void {
    this.#dropAgentAudio();
    this.#emitLater('agentGone');
  }

  #lost(reason: LegClosedReason): void {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#silence);
    clearTimeout(this.#reconnecting);
    this.#dropAgentAudio();
    this.#log.info({ reason }, 'room lost');
    setImmediate(() => this.emit('closed', reason));
  }

  #emitLater<K extends 'agentReady' | 'agentGone' | 'agentBack' | 'dtmf'>(
    event: K,
    ...data: RoomLegEvents[K]
  ): void {
    setImmediate(() => {
      if (!this.#closed) (this as EventEmitter).emit(event, ...data);
    });
  }

  /** Not awaited: without a queue a frame is taken at once, and only errors are of interest. */
  #capture(samples: Int16Array): void {
    if (this.#outstanding >= MAX_OUTSTANDING) return;
    this.#outstanding++;
    const captured = this.#source.captureFrame(
      new AudioFrame(samples, SAMPLE_RATE, 1, samples.length),
    );
    void captured.catch(this.#captureFailed).finally(() => this.#outstanding--);
  }

  readonly #captureFailed = (error: unknown): void => {
    if (!this.#closed && !this.#captureWarned) {
      this.#log.warn({ err: error }, "the caller's audio was not taken by the room");
    }
    this.#captureWarned = true;
  };
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

/** The server API is on the same port as signalling. */
function httpUrl(url: string): string {
  return url.replace(/^ws/, 'http');
}

async function makeToken(options: RoomLegOptions): Promise<string> {
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

async function createRoom(service: RoomServiceClient, options: RoomLegOptions): Promise<void> {
  const { agentName, dispatchMetadata: metadata } = options;
  await service.createRoom({
    name: options.roomName,
    emptyTimeout: EMPTY_TIMEOUT,
    departureTimeout: DEPARTURE_TIMEOUT,
    maxParticipants: MAX_PARTICIPANTS,
    metadata,
    agents: [new RoomAgentDispatch({ agentName, metadata })],
  });
}

async function publish(room: Room, source: AudioSource): Promise<void> {
  const track = LocalAudioTrack.createAudioTrack('phone', source);
  await room.localParticipant?.publishTrack(
    track,
    new TrackPublishOptions({
      source: TrackSource.SOURCE_MICROPHONE,
      audioEncoding: { maxBitrate: BITRATE },
      dtx: false,
      red: false,
    }),
  );
}
