import { voice } from '@livekit/agents';
import type { AudioFrame } from '@livekit/rtc-node';
import { SpokenAccount } from './spoken-account.ts';

/**
 * The agent's voice in the room. It knows what the caller hears of it, and when: whether a sound of
 * theirs has made it pause, until when there is anything to hear, and which words have been heard.
 */
export class Speaker extends voice.ParticipantAudioOutput {
  /** The caller hears something until then (Date.now()). */
  static readonly HEARD = 'heard';
  /** In mid-speech there was nothing to play for so long, ms. */
  static readonly STARVED = 'starved';
  #paused = false;
  /** Of the words between two flushes. */
  #account: SpokenAccount | undefined;
  /** Whether it goes on, is all there, or was cut short. */
  #state: 'open' | 'whole' | 'stopped' = 'whole';
  /** Seconds of it that were played, once that is certain; Infinity: all. */
  #played: number | undefined;
  /** What was handed to the track lasts until then (Date.now()). */
  #lastsUntil = 0;

  /** In mid-speech, until the sound turns out to be words (then it stops) or nothing. */
  get paused(): boolean {
    return this.#paused;
  }

  /**
   * What has been heard of the speech that ended last, once; undefined when that is not known.
   */
  takeSaid(): string | undefined {
    const account = this.#account;
    if (!account) return '';
    this.#account = undefined;
    const waiting = Math.max(0, this.#lastsUntil - Date.now()) / 1000;
    return account.said(this.#played ?? account.seconds - waiting, this.#state === 'whole');
  }

  /** What has been heard of the speech that goes on; undefined where there is none. */
  saidSoFar(): string | undefined {
    const account = this.#account;
    if (!account || this.#played !== undefined) return undefined;
    const waiting = Math.max(0, this.#lastsUntil - Date.now()) / 1000;
    return account.said(account.seconds - waiting, this.#state === 'whole');
  }

  override async captureFrame(frame: AudioFrame): Promise<void> {
    if (this.#state !== 'open' || !this.#account) this.#begin();
    const account = this.#account as SpokenAccount;
    const late = Date.now() - this.#lastsUntil;
    if (account.seconds > 0 && late > 0) this.emit(Speaker.STARVED, late);
    const isAudible = account.add(frame);
    await super.captureFrame(frame);
    if (this.#state === 'stopped') return;
    const duration = (frame.samplesPerChannel / frame.sampleRate) * 1000;
    this.#lastsUntil = Math.max(Date.now(), this.#lastsUntil) + duration;
    if (isAudible) this.emit(Speaker.HEARD, this.#lastsUntil);
  }

  override flush(): void {
    if (this.#state === 'open') this.#state = 'whole';
    super.flush();
  }

  override clearBuffer(): void {
    const now = Date.now();
    // Where all has been played already, nothing is cut off.
    this.#state = this.#lastsUntil > now || this.#paused ? 'stopped' : 'whole';
    this.#lastsUntil = Math.min(this.#lastsUntil, now);
    super.clearBuffer();
  }

  override onPlaybackFinished(event: voice.PlaybackFinishedEvent): void {
    // Of what a pause in its midst dropped, the caller has missed a fraction of a second.
    this.#played = event.interrupted ? event.playbackPosition : Infinity;
    super.onPlaybackFinished(event);
  }

  override pause(): void {
    this.#paused = true;
    this.#lastsUntil = Math.min(this.#lastsUntil, Date.now());
    super.pause();
  }

  override resume(): void {
    this.#paused = false;
    this.#lastsUntil = Date.now();
    super.resume();
  }

  #begin(): void {
    this.#account = new SpokenAccount();
    this.#state = 'open';
    this.#played = undefined;
  }
}

/** Also when the caller's "mm-hm" was long enough to make the agent pause. */
export function isSpeaking({ agentState, output }: voice.AgentSession): boolean {
  return agentState === 'speaking' || (output.audio instanceof Speaker && output.audio.paused);
}
