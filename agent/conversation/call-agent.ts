import { llm, voice } from '@livekit/agents';
import type { stt } from '@livekit/agents';
import type { AudioFrame } from '@livekit/rtc-node';
import { TransformStream } from 'node:stream/web';
import type { ReadableStream } from 'node:stream/web';
import type { Line } from '../../config/config.ts';
import { isBackchannel } from '../speech/backchannel.ts';
import { dateAndTime } from '../speech/date-and-time.ts';
import { isSpeaking } from '../audio/speaker.ts';

type Transcripts = ReadableStream<stt.SpeechEvent | string>;
type Answer = Awaited<ReturnType<voice.Agent['llmNode']>>;
type Piece = NonNullable<Answer> extends ReadableStream<infer T> ? T : never;

/**
 * The agent of one line: its instructions and tools, deaf to "mm-hm" while it speaks. It knows what
 * day it is.
 */
export class CallAgent extends voice.Agent {
  readonly #line: Line;

  constructor(line: Line, tools: llm.FunctionTool[]) {
    super({ instructions: line.agent.instructions, tools });
    this.#line = line;
  }

  override async llmNode(
    history: llm.ChatContext,
    tools: llm.ToolContext,
    settings: voice.ModelSettings,
  ): Promise<Answer> {
    const request = history.copy({ excludeEmptyMessage: true });
    const now = `It is ${dateAndTime(new Date(), this.#line.timeZone)}.`;
    // Behind the instructions, which stay the same and so in the provider's cache.
    const begin = request.items.findIndex(
      (item) => item.type !== 'message' || item.role !== 'system',
    );
    request.items.splice(
      begin < 0 ? request.items.length : begin,
      0,
      llm.ChatMessage.create({ role: 'system', content: now }),
    );
    const answer = await super.llmNode(request, tools, settings);
    return answer?.pipeThrough(refuseCutArguments()) ?? null;
  }

  override async sttNode(
    audio: ReadableStream<AudioFrame>,
    settings: voice.ModelSettings,
  ): Promise<Transcripts | null> {
    const transcripts = await super.sttNode(audio, settings);
    const isIdle = (event: stt.SpeechEvent | string) =>
      typeof event !== 'string' &&
      isSpeaking(this.session) &&
      isBackchannel(event.alternatives?.[0].text ?? '', this.#line.language);
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

/**
 * The SDK repairs what is no JSON and calls the tool with it, so that a stream that was cut off
 * books for half a name. Quoted, it is no object either, and the model is told so.
 */
function refuseCutArguments(): TransformStream<Piece, Piece> {
  return new TransformStream({
    transform(piece, controller) {
      if (typeof piece === 'object' && 'delta' in piece) {
        for (const call of piece.delta?.toolCalls ?? []) {
          if (call.args && !isJson(call.args)) call.args = JSON.stringify(call.args);
        }
      }
      controller.enqueue(piece);
    },
  });
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
