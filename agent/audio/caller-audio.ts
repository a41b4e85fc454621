import { voice } from '@livekit/agents';
import { AudioStream, FrameProcessor } from '@livekit/rtc-node';
import type { AudioFrame, RemoteTrack } from '@livekit/rtc-node';
import { STT_SAMPLE_RATE } from './sample-rates.ts';

/**
 * Each frame is a message from native code and some ten stream hops in JavaScript, so the default
 * of 10 ms costs twice this; more than 20 ms would delay the end of a turn.
 */
const FRAME_MS = 20;

/** What the caller says, at the rate that recogniser and VAD share. */
export class CallerAudio extends voice.AudioInput {
  /** Told of every frame, whoever else listens. */
  onFrame: (frame: AudioFrame) => void = () => undefined;
  #input: string | undefined;
  #turning: Promise<void> = Promise.resolve();

  /** Replaces the track listened to, one after the other; a caller may leave and come back. */
  listenTo(track: RemoteTrack): Promise<void> {
    const turned = this.#turning.then(() => this.#turnTo(track));
    this.#turning = turned.catch(() => undefined);
    return turned;
  }

  async #turnTo(track: RemoteTrack): Promise<void> {
    if (this.#input !== undefined) await this.multiStream.removeInputStream(this.#input);
    const stream = new AudioStream(track, {
      sampleRate: STT_SAMPLE_RATE,
      numChannels: 1,
      frameSizeMs: FRAME_MS,
      noiseCancellation: new Tap((frame) => this.onFrame(frame)),
    });
    this.#input = this.multiStream.addInputStream(stream);
  }
}

/** Where frames come from: a stream in between would cost as much as all that listens to it. */
class Tap extends FrameProcessor<AudioFrame> {
  readonly #hear: (frame: AudioFrame) => void;

  constructor(hear: (frame: AudioFrame) => void) {
    super();
    this.#hear = hear;
  }

  override process(frame: AudioFrame): AudioFrame {
    this.#hear(frame);
    return frame;
  }

  override isEnabled = () => true;
  override setEnabled = () => undefined;
  override close = () => undefined;
}
