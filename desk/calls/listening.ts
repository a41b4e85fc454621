import { Room, RoomEvent, Track } from 'livekit-client';
import { api } from '../api.ts';

/** An ear in a call: nobody there sees it, and it says nothing. */
export class Listening {
  readonly #room = new Room();
  readonly #ears: HTMLMediaElement[] = [];

  /** Rejects when the call is over or LiveKit cannot be reached. */
  static async begin(callId: string, onEnd: () => void): Promise<Listening> {
    const listening = new Listening();
    const room = listening.#room;
    room.on(RoomEvent.TrackSubscribed, (track) => {
      if (track.kind !== Track.Kind.Audio) return;
      const ear = track.attach();
      listening.#ears.push(ear);
      document.body.append(ear);
    });
    room.on(RoomEvent.Disconnected, () => {
      for (const ear of listening.#ears) ear.remove();
      onEnd();
    });
    const { url, token } = await api.calls.listen(callId);
    await room.connect(url, token);
    return listening;
  }

  stop(): void {
    void this.#room.disconnect();
  }
}
