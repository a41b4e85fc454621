/** The part of eSpeak NG's Emscripten port that is used here; the package ships no types. */
declare module '@echogarden/espeak-ng-emscripten' {
  export interface EspeakWorker {
    /** Hz, 22,050. */
    readonly samplerate: number;
    set_voice(name: string): number;
    set_rate(wordsPerMinute: number): void;
    /** Calls back synchronously, chunk by chunk; answer true to stop. */
    synthesize(text: string, onAudio: (audio: Int16Array | null) => boolean): void;
  }
  export default function load(): Promise<{
    readonly eSpeakNGWorker: new () => EspeakWorker;
    /** All of its memory; another object after the memory has grown. */
    readonly HEAPU8: Uint8Array;
  }>;
}
