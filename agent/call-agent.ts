import { voice } from '@livekit/agents';
import type { llm, stt } from '@livekit/agents';
import type { AudioFrame } from '@livekit/rtc-node';
import { TransformStream } from 'node:stream/web';
import type { ReadableStream } from 'node:stream/web';
import type { Line } from '../config/config.ts';
import { isBackchannel } from './backchannel.ts';
import { isSpeaking } from './speaker.ts';

type Transcripts = ReadableStream<stt.SpeechEvent | string>;

/** The agent of one line: its instructions and tools, deaf to "mm-hm" while it speaks. */
export class CallAgent extends voice.Agent {
  readonly #language: string;

  constructor(line: Line, tools: llm.FunctionTool[]) {
    super({ instructions: line.agent.instructions, tools });
    this.#language = line.language;
  }

  override async sttNode(
    audio: ReadableStream<AudioFrame>,
    settings: voice.ModelSettings,
  ): Promise<Transcripts | null> {
    const transcripts = await super.sttNode(audio, settings);
    const isIdle = (event: stt.SpeechEvent | string) =>
      typeof event !== 'string' &&
      isSpeaking(this.session) &&
      isBackchannel(event.alternatives?.[0].text ?? '', this.#language);
    return (
      transcripts?.pipeThrough(
        new TransformStream<stt.SpeechEvent | string, stt.SpeechEvent | string>({
          transform: (event, controller) => {
            if (!isIdle(event)) controller.enqueue(event);
          },
        }),
      ) ?? null
    );
  }
}
