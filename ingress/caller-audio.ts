import { performance } from 'node:perf_hooks';
import {
  AudioFrame,
  AudioSource,
  LocalAudioTrack,
  TrackPublishOptions,
  TrackSource,
} from '@livekit/rtc-node';
import type { Room } from '@livekit/rtc-node';
import type { Logger } from 'pino';

export const SAMPLE_RATE = 8_000;
const CAPTURE_MS = 10;
/** The only frame that an `AudioSource` without a queue takes. */
const CAPTURE_SAMPLES = (SAMPLE_RATE * CAPTURE_MS) / 1_000;
const SILENCE_INTERVAL = 20;
/** Frames, 2 s, that rtc-node has not confirmed; more means that it is stuck, not busy. */
const MAX_OUTSTANDING = 200;
/**
 * Opus, bit/s. From 72 kbit/s on libopus codes speech by CELT alone: 1.0 % of a core for each leg in
 * place of 2.1 % at 12 to 64 kbit/s, where SILK takes part.
 */
const BITRATE = 80_000n;

/**
 * The caller's audio as the room's microphone track.
 *
 * No queue in the `AudioSource`: its 10 ms clock makes every frame wait, and by its source it plays
 * silence when one is late. Single runs of 10 s, 4 legs, on two cores that others used too, from
 * the caller's frame to the agent's, p50: without a queue 36-56 ms, but 127 and 141 ms in two runs
 * of sixteen; with one of 20 or 60 ms 77-85 ms in three runs of three. What CPU a leg took overlaps,
 * and no sample rate (8, 16, 48 kHz), RED or DTX stood out from that noise: 8 kHz spares a resampler
 * here, RED and DTX are off by reasoning (twice the payload; an agent's jitter buffer wants a steady
 * stream).
 */
export class CallerAudio {
  readonly #source = new AudioSource(SAMPLE_RATE, 1, 0);
  readonly #log: Logger;
  #silence: NodeJS.Timeout | undefined;
  #outstanding = 0;
  #failed = false;
  #closed = false;

  constructor(log: Logger) {
    this.#log = log;
  }

  /**
   * Publishes the track, and silence on it until the caller is heard: the server shows a track
   * to the agent only when its first packet is there, and that may be while the call still rings.
   */
  async publish(room: Room): Promise<void> {
    const start = performance.now();
    let written = 0;
    this.#silence = setInterval(() => {
      // As much as time has passed, or the agent's jitter buffer takes us for a slow line.
      const elapsed = performance.now() - start;
      for (; written < elapsed; written += CAPTURE_MS) {
        this.#capture(new Int16Array(CAPTURE_SAMPLES));
      }
    }, SILENCE_INTERVAL);
    const options = new TrackPublishOptions({
      source: TrackSource.SOURCE_MICROPHONE,
      audioEncoding: { maxBitrate: BITRATE },
      dtx: false,
      red: false,
    });
    const track = LocalAudioTrack.createAudioTrack('phone', this.#source);
    await room.localParticipant?.publishTrack(track, options);
  }

  /** PCM16 mono 8 kHz, a multiple of 10 ms. */
  write(pcm: Int16Array): void {
    if (this.#closed) return;
    clearInterval(this.#silence);
    for (let at = 0; at + CAPTURE_SAMPLES <= pcm.length; at += CAPTURE_SAMPLES) {
      // A copy, because rtc-node reads from the start of the underlying buffer.
      this.#capture(pcm.slice(at, at + CAPTURE_SAMPLES));
    }
  }

  /** Takes nothing more. */
  stop(): void {
    this.#closed = true;
    clearInterval(this.#silence);
  }

  async close(): Promise<void> {
    this.stop();
    await this.#source.close();
  }

  /** Not awaited: without a queue a frame is taken at once, and only errors are of interest. */
  #capture(samples: Int16Array): void {
    if (this.#outstanding >= MAX_OUTSTANDING) return;
    this.#outstanding++;
    void this.#source
      .captureFrame(new AudioFrame(samples, SAMPLE_RATE, 1, samples.length))
      .catch(this.#captureFailed)
      .finally(() => this.#outstanding--);
  }

  readonly #captureFailed = (error: unknown): void => {
    if (!this.#closed && !this.#failed) {
      this.#log.warn({ err: error }, "the caller's audio was not taken by the room");
    }
    this.#failed = true;
  };
}
