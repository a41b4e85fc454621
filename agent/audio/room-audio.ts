import {
  ConnectionState,
  RoomEvent,
  TrackKind,
  TrackPublishOptions,
  TrackSource,
} from '@livekit/rtc-node';
import type { RemoteParticipant, RemoteTrack, Room } from '@livekit/rtc-node';
import type { Logger } from 'pino';
import { CallerAudio } from './caller-audio.ts';
import { TTS_SAMPLE_RATE } from './sample-rates.ts';
import { Speaker } from './speaker.ts';

/** Of audio handed to the track in advance, ms; interrupting clears it. */
const PLAYOUT_QUEUE_MS = 200;

/** Opus, bit/s: from 72 kbit/s on it is coded by CELT alone, which costs half the CPU of SILK. */
const BITRATE = 80_000n;

const PUBLISH_TRIES = 3;
const PUBLISH_RETRY_MS = 500;
/** LiveKit answers within a fraction of a second; a carrier lets it ring for long. */
const PUBLISH_TIMEOUT_MS = 5_000;

/**
 * Publishes at once: the ingress answers the phone when this track is live. It is published anew
 * when that fails or when it is taken away; an agent without a voice is of no use to the caller.
 */
export function publishVoice(room: Room, log: Logger, onFailed: () => void): Speaker {
  const speaker = new Speaker(room, {
    sampleRate: TTS_SAMPLE_RATE,
    numChannels: 1,
    queueSizeMs: PLAYOUT_QUEUE_MS,
    trackPublishOptions: new TrackPublishOptions({
      source: TrackSource.SOURCE_MICROPHONE,
      audioEncoding: { maxBitrate: BITRATE },
      dtx: true,
      red: false, // between servers, not over a radio link
    }),
  });
  let isPublishing = false;
  const publish = async () => {
    if (isPublishing) return;
    isPublishing = true;
    try {
      await publishUntilThere();
    } finally {
      isPublishing = false;
    }
  };
  const publishUntilThere = async () => {
    for (let tries = 1; ; tries++) {
      try {
        return await publishOnce(room, speaker);
      } catch (error) {
        // A caller who hangs up while the agent comes in takes the room along.
        if (room.connectionState === ConnectionState.CONN_DISCONNECTED) return;
        log.warn({ err: error, tries }, 'the voice track failed');
        // LiveKit's client is on its way back, and what is said of it then counts.
        if (room.connectionState !== ConnectionState.CONN_CONNECTED) tries = 0;
        if (tries === PUBLISH_TRIES || error instanceof PublishTimeout) return onFailed();
        await pause();
      }
    }
  };
  room.on(RoomEvent.LocalTrackUnpublished, () => {
    setTimeout(() => {
      // After a lost connection LiveKit's client puts it back by itself.
      const isThere = (room.localParticipant?.trackPublications.size ?? 0) > 0;
      if (room.isConnected && !isThere) void publish();
    }, PUBLISH_RETRY_MS);
  });
  void publish();
  return speaker;
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, PUBLISH_RETRY_MS));
}

class PublishTimeout extends Error {
  override readonly name = 'PublishTimeout';
}

/** Resolves when the track is there; the speaker goes on waiting for somebody who listens. */
async function publishOnce(room: Room, speaker: Speaker): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const onPublished = () => resolve();
  room.once(RoomEvent.LocalTrackPublished, onPublished);
  const timer = setTimeout(
    () => reject(new PublishTimeout('LiveKit does not answer')),
    PUBLISH_TIMEOUT_MS,
  );
  // Not ended with the call, which may fail before the track is there and has a farewell to say.
  speaker.start(new AbortController().signal).then(resolve, reject);
  try {
    await promise;
  } finally {
    clearTimeout(timer);
    room.off(RoomEvent.LocalTrackPublished, onPublished);
  }
}

export interface CallerEar {
  readonly audio: CallerAudio;
  /** Whom it listens to from now on. */
  turnTo(caller: RemoteParticipant): void;
}

/** Follows the caller's audio track, also when it is published anew. */
export function listenToCaller(room: Room, log: Logger): CallerEar {
  const audio = new CallerAudio();
  let identity: string | undefined;
  const listen = (track: RemoteTrack) => {
    audio
      .listenTo(track)
      .catch((error: unknown) => log.error({ err: error }, 'cannot hear the caller'));
  };
  room.on(RoomEvent.TrackSubscribed, (track, _publication, participant) => {
    const isCaller = participant.identity === identity;
    if (isCaller && track.kind === TrackKind.KIND_AUDIO) listen(track);
  });
  return {
    audio,
    turnTo(caller) {
      identity = caller.identity;
      for (const { track, kind } of caller.trackPublications.values()) {
        if (track && kind === TrackKind.KIND_AUDIO) listen(track);
      }
    },
  };
}
