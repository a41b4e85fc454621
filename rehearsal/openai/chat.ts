import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { deskReply } from '../desk/desk.ts';
import type { Says } from '../settings.ts';
import { type ChatRequest, deskMessages, deskTools } from './chat-request.ts';

/** English text has about 4 characters per token. */
const CHARACTERS_PER_TOKEN = 4;

export interface ChatPace {
  /** Before the first token, ms. */
  readonly delayMs: number;
  readonly tokensPerSecond: number;
}

interface Usage {
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly total_tokens: number;
  readonly prompt_tokens_details: { readonly cached_tokens: number; readonly audio_tokens: number };
  readonly completion_tokens_details: { readonly reasoning_tokens: number };
}

interface CompletedCall {
  readonly id: string;
  readonly name: string;
  readonly json: string;
}

/** One answer of the rehearsal model. */
export interface Completion {
  readonly id: string;
  readonly model: string;
  readonly created: number;
  readonly text: string;
  readonly calls: readonly CompletedCall[];
  readonly usage: Usage;
}

export function complete(request: ChatRequest, says: Says | null): Completion {
  const reply = says ?? saysDesk(request);
  const calls = reply.calls.map((call) => ({
    id: `call_${randomUUID().replaceAll('-', '').slice(0, 24)}`,
    name: call.name,
    json: call.arguments,
  }));
  return {
    id: `chatcmpl-${randomUUID()}`,
    model: request.model,
    created: Math.floor(Date.now() / 1000),
    text: reply.text,
    calls,
    usage: usageOf(request, reply),
  };
}

function saysDesk(request: ChatRequest): Says {
  const { text, calls } = deskReply(deskMessages(request), deskTools(request));
  return {
    text,
    calls: calls.map((call) => ({ name: call.name, arguments: JSON.stringify(call.arguments) })),
  };
}

/** Body of an answer that is not streamed. */
export function completionBody({ id, model, created, text, calls, usage }: Completion): object {
  return {
    id,
    object: 'chat.completion',
    created,
    model,
    choices: [
      {
        index: 0,
        message: {
          role: 'assistant',
          content: text === '' && calls.length > 0 ? null : text,
          refusal: null,
          ...(calls.length > 0 && {
            tool_calls: calls.map((call) => ({
              id: call.id,
              type: 'function',
              function: { name: call.name, arguments: call.json },
            })),
          }),
        },
        logprobs: null,
        finish_reason: finishReason(calls),
      },
    ],
    usage,
    service_tier: 'default',
    system_fingerprint: 'fp_rehearsal',
  };
}

/** Server-sent events of a streamed answer, at the pace of a model; ends early on abort. */
export async function* completionEvents(
  completion: Completion,
  {
    includeUsage,
    pace,
    stalls,
    signal,
  }: {
    includeUsage: boolean;
    pace: ChatPace;
    /** Nothing comes after the middle of the words. */
    stalls: boolean;
    signal: AbortSignal;
  },
): AsyncGenerator<string> {
  const { id, model, created, text, calls, usage } = completion;
  const chunk = (choices: readonly object[], used: Usage | null = null) =>
    event({
      id,
      object: 'chat.completion.chunk',
      created,
      model,
      service_tier: 'default',
      system_fingerprint: 'fp_rehearsal',
      choices,
      ...(includeUsage && { usage: used }),
    });
  const delta = (part: object, finish: string | null = null) =>
    chunk([{ index: 0, delta: part, logprobs: null, finish_reason: finish }]);

  await wait(pace.delayMs, signal);
  if (signal.aborted) return;
  yield delta({
    role: 'assistant',
    content: text === '' && calls.length > 0 ? null : '',
    refusal: null,
  });
  const began = performance.now();
  let tokens = 0;
  const words = pieces(text);
  for (const [at, piece] of words.entries()) {
    if (stalls && at * 2 >= words.length) await once(signal, 'abort');
    await wait(began + (tokens * 1000) / pace.tokensPerSecond - performance.now(), signal);
    if (signal.aborted) return;
    tokens += Math.max(1, Math.round(piece.length / CHARACTERS_PER_TOKEN));
    yield delta({ content: piece });
  }
  for (const [index, call] of calls.entries()) {
    yield delta({
      tool_calls: [
        { index, id: call.id, type: 'function', function: { name: call.name, arguments: '' } },
      ],
    });
    for (const piece of call.json.match(/.{1,12}/gsu) ?? []) {
      if (signal.aborted) return;
      yield delta({ tool_calls: [{ index, function: { arguments: piece } }] });
    }
  }
  yield delta({}, finishReason(calls));
  if (includeUsage) yield chunk([], usage);
  yield 'data: [DONE]\n\n';
}

function event(body: object): string {
  return `data: ${JSON.stringify(body)}\n\n`;
}

/** Words with the space before them, as a model's tokens come. */
function pieces(text: string): readonly string[] {
  return text.match(/\s*\S+/gu) ?? [];
}

async function wait(ms: number, signal: AbortSignal): Promise<void> {
  // Timers are no finer than a millisecond.
  if (ms >= 1) await delay(ms, undefined, { signal }).catch(() => undefined);
}

function finishReason(calls: readonly unknown[]): string {
  return calls.length > 0 ? 'tool_calls' : 'stop';
}

function usageOf(request: ChatRequest, reply: Says): Usage {
  const prompt = tokensOf(JSON.stringify(request.messages));
  const completion = tokensOf(reply.text + JSON.stringify(reply.calls));
  return {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
    prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 },
    completion_tokens_details: { reasoning_tokens: 0 },
  };
}

function tokensOf(text: string): number {
  return Math.ceil(text.length / CHARACTERS_PER_TOKEN);
}
