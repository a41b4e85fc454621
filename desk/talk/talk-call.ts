import { batch, signal } from '@preact/signals';
import { Room, RoomEvent, Track } from 'livekit-client';
import type { StreamedEvent } from '../../client/index.ts';
import { api } from '../api.ts';
import { onActivity, onEvent } from '../live/live-calls.ts';
import type { Activity, Summary, Turn } from '../live/live-calls.ts';

export type Phase = 'joining' | 'waiting' | 'talking' | 'over';

/** One call from this browser, from the first click to its end. */
export class TalkCall {
  readonly phase = signal<Phase>('joining');
  readonly callId = signal<string | undefined>(undefined);
  readonly turns = signal<readonly Turn[]>([]);
  readonly activity = signal<Activity>({});
  readonly muted = signal(false);
  /** Why there is no microphone in it. */
  readonly micTrouble = signal<string | undefined>(undefined);
  /** A sentence is being spoken into the call. */
  readonly speaking = signal(false);
  /** What the call was ended by, where it did not begin as it should. */
  readonly failure = signal<string | undefined>(undefined);
  readonly startedAt = Date.now();

  readonly #room = new Room();
  readonly #audio = new AudioContext({ sampleRate: 48_000 });
  readonly #mouth = this.#audio.createMediaStreamDestination();
  readonly #microphone = this.#audio.createGain();
  readonly #ears: HTMLMediaElement[] = [];
  #stream: MediaStream | undefined;
  #roomName = '';
  readonly #unlisten: readonly (() => void)[];

  constructor() {
    this.#microphone.connect(this.#mouth);
    this.#unlisten = [
      onEvent((event) => this.#hear(event)),
      onActivity(({ callId, activity }) => {
        if (callId === this.callId.value) {
          this.activity.value = { ...this.activity.value, ...activity };
        }
      }),
    ];
    this.#room.on(RoomEvent.TrackSubscribed, (track) => {
      if (track.kind !== Track.Kind.Audio) return;
      const ear = track.attach();
      this.#ears.push(ear);
      document.body.append(ear);
      if (this.phase.value === 'waiting') this.phase.value = 'talking';
    });
    this.#room.on(RoomEvent.Disconnected, () => void this.#end());
  }

  /** @param withMicrophone its own words are heard, not only the sentences that it is given */
  async begin(line: string, withMicrophone: boolean): Promise<void> {
    try {
      await this.#audio.resume();
      if (withMicrophone) await this.#openMicrophone();
      const { url, token, room } = await api.browserCalls.create({ line });
      this.#roomName = room;
      await this.#room.connect(url, token);
      const [mouth] = this.#mouth.stream.getAudioTracks();
      if (mouth === undefined) throw new Error('This browser has no audio.');
      await this.#room.localParticipant.publishTrack(mouth, {
        source: Track.Source.Microphone,
        name: 'microphone',
        dtx: false,
      });
      if (this.phase.value === 'joining') this.phase.value = 'waiting';
    } catch (error) {
      this.failure.value = failureOf(error);
      await this.#end();
    }
  }

  hangUp(): void {
    void this.#end();
  }

  toggleMuted(): void {
    this.muted.value = !this.muted.value;
    this.#microphone.gain.value = this.muted.value ? 0 : 1;
  }

  press(digit: string): void {
    const code = digit === '*' ? 10 : digit === '#' ? 11 : Number(digit);
    void this.#room.localParticipant.publishDtmf(code, digit);
  }

  /** Says a sentence of the rehearsal into the call; whoever sits here hears it, too. */
  async say(wav: ArrayBuffer): Promise<void> {
    if (this.speaking.value) return;
    this.speaking.value = true;
    try {
      const source = this.#audio.createBufferSource();
      source.buffer = await this.#audio.decodeAudioData(wav);
      source.connect(this.#mouth);
      source.connect(this.#audio.destination);
      const ended = new Promise((resolve) => source.addEventListener('ended', resolve));
      source.start();
      await ended;
    } finally {
      this.speaking.value = false;
    }
  }

  async #openMicrophone(): Promise<void> {
    try {
      this.#stream = await navigator.mediaDevices.getUserMedia({
        audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true },
      });
      this.#audio.createMediaStreamSource(this.#stream).connect(this.#microphone);
    } catch (error) {
      this.micTrouble.value = microphoneTrouble(error);
    }
  }

  #hear({ callId, data }: StreamedEvent): void {
    const { call, turn } = data as { call?: Summary; turn?: Turn };
    if (this.callId.value === undefined) {
      if (this.#roomName === '' || call?.room?.name !== this.#roomName) return;
      this.callId.value = call.id;
    }
    if (callId !== this.callId.value) return;
    if (turn === undefined) return;
    const others = this.turns.value.filter((one) => one.at !== turn.at || one.who !== turn.who);
    batch(() => {
      this.turns.value = [...others, turn];
      const done = turn.who === 'caller' ? { hearing: '' } : { saying: '' };
      this.activity.value = { ...this.activity.value, ...done };
    });
  }

  async #end(): Promise<void> {
    if (this.phase.value === 'over') return;
    this.phase.value = 'over';
    await this.#room.disconnect();
    for (const ear of this.#ears) ear.remove();
    for (const track of this.#stream?.getTracks() ?? []) track.stop();
    await this.#audio.close();
  }

  /** What is told of it afterwards, its last turn, is still of interest until then. */
  close(): void {
    for (const unlisten of this.#unlisten) unlisten();
    void this.#end();
  }
}

function microphoneTrouble(error: unknown): string {
  const name = error instanceof DOMException ? error.name : '';
  if (name === 'NotAllowedError') {
    return 'The microphone is not allowed: allow it in the address bar, then call again.';
  }
  if (name === 'NotFoundError') return 'This computer has no microphone.';
  if (!window.isSecureContext) {
    return 'Browsers give the microphone to https:// and to 127.0.0.1 only: open the desk by one of them.';
  }
  return 'The microphone cannot be opened; another program may have it.';
}

function failureOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return `The call could not begin: ${text}. Is LiveKit running, and may this browser reach it (TRUNKLINE_LIVEKIT_PUBLIC_URL)?`;
}
