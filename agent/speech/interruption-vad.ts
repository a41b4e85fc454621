import { VADEventType, inference } from '@livekit/agents';
import type { VADStream } from '@livekit/agents';
import type { AudioFrame } from '@livekit/rtc-node';
import { TransformStream } from 'node:stream/web';
import type { ReadableStream } from 'node:stream/web';

type VadOptions = ConstructorParameters<typeof inference.VAD>[0];

/**
 * Listens for interruptions only: to what the caller says while the agent speaks. Turns are the
 * STT's. A VAD that hears whole turns costs CPU, and when a busy machine makes it late it takes the
 * end of a turn for an interruption of the reply, which is then never spoken.
 */
export class InterruptionVad extends inference.VAD {
  readonly #isSpeaking: () => boolean;

  /** @param isSpeaking whether the agent is in mid-speech, also when a sound made it pause */
  constructor(options: VadOptions, isSpeaking: () => boolean) {
    super(options);
    this.#isSpeaking = isSpeaking;
  }

  override stream(): VADStream {
    const stream = super.stream();
    let inSpeech = false;
    const next = stream.next.bind(stream);
    const flush = stream.flush.bind(stream);
    const updateInputStream = stream.updateInputStream.bind(stream);
    return Object.assign(stream, {
      next: async () => {
        const result = await next();
        const type = result.done ? VADEventType.END_OF_SPEECH : result.value.type;
        if (type === VADEventType.START_OF_SPEECH) inSpeech = true;
        if (type === VADEventType.END_OF_SPEECH) inSpeech = false;
        return result;
      },
      flush: () => {
        inSpeech = false;
        flush();
      },
      updateInputStream: (audio: ReadableStream<AudioFrame>) =>
        updateInputStream(
          audio.pipeThrough(
            new TransformStream<AudioFrame, AudioFrame>({
              transform: (frame, controller) => {
                // Speech that began over the agent's is heard to its end.
                if (inSpeech || this.#isSpeaking()) controller.enqueue(frame);
              },
            }),
          ),
        ),
    });
  }
}
