import { RoomEvent, TrackKind, TrackPublishOptions, TrackSource } from '@livekit/rtc-node';
import type { RemoteParticipant, RemoteTrack, Room } from '@livekit/rtc-node';
import type { Logger } from 'pino';
import { CallerAudio } from './caller-audio.ts';
import { TTS_SAMPLE_RATE } from './providers.ts';
import { Speaker } from './speaker.ts';

/** Of audio handed to the track in advance, ms; interrupting clears it. */
const PLAYOUT_QUEUE_MS = 200;

/** Opus, bit/s: from 72 kbit/s on it is coded by CELT alone, which costs half the CPU of SILK. */
const BITRATE = 80_000n;

/** Publishes at once: the ingress answers the phone when this track is live. */
export function publishVoice(room: Room, log: Logger): Speaker {
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
  // Not ended with the call, which may fail before the track is there and has a farewell to say.
  const { signal } = new AbortController();
  speaker.start(signal).catch((error: unknown) => {
    // A caller who hangs up while the agent comes in takes the room along.
    log[room.isConnected ? 'error' : 'debug']({ err: error }, 'the voice track failed');
  });
  return speaker;
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
