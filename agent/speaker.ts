import { voice } from '@livekit/agents';

/** The agent's voice in the room; knows whether a sound of the caller's has made it pause. */
export class Speaker extends voice.ParticipantAudioOutput {
  #paused = false;

  /** In mid-speech, until the sound turns out to be words (then it stops) or nothing. */
  get paused(): boolean {
    return this.#paused;
  }

  override pause(): void {
    this.#paused = true;
    super.pause();
  }

  override resume(): void {
    this.#paused = false;
    super.resume();
  }
}

/** Also when the caller's "mm-hm" was long enough to make the agent pause. */
export function isSpeaking({ agentState, output }: voice.AgentSession): boolean {
  return agentState === 'speaking' || (output.audio instanceof Speaker && output.audio.paused);
}
