import { once } from 'node:events';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { encodeWav } from '../audio/wav.ts';
import type { Emulators } from '../emulators.ts';
import { misbehave } from '../misbehave.ts';
import type { Fault, Service } from '../settings.ts';
import { streamSpeech } from '../speech-stream.ts';
import type { Visit } from '../stats.ts';
import { complete, completionBody, completionEvents } from './chat.ts';
import { ChatRequest } from './chat-request.ts';
import { openAiError } from './errors.ts';

/** OpenAI's `pcm` and `wav` speech. */
const SPEECH_RATE = 24_000;
/** OpenAI's limit of a speech request's text, characters. */
const LONGEST_INPUT = 4096;

const SpeechRequest = z.looseObject({
  model: z.string(),
  input: z.string().min(1).max(LONGEST_INPUT),
  voice: z.unknown(),
  response_format: z.string().default('mp3'),
});

const MODELS = ['gpt-4.1', 'gpt-4.1-mini', 'gpt-4o', 'gpt-4o-mini', 'gpt-4o-mini-tts', 'tts-1'];

/** Chat completions, speech and models of OpenAI's API. */
export function openAiRoutes(app: FastifyInstance, emulators: Emulators): void {
  const { conduct, stats, voice } = emulators;

  app.get('/v1/models', async (request, reply) => {
    if (!authorised(request)) return reply.code(401).send(openAiError(401));
    const data = MODELS.map((id) => ({ id, object: 'model', created: 0, owned_by: 'rehearsal' }));
    return { object: 'list', data };
  });

  app.post('/v1/chat/completions', async (request, reply) => {
    const served = begin(request, reply, 'llm');
    if (!served) return reply;
    const { visit, signal, fault } = served;
    const parsed = ChatRequest.safeParse(request.body);
    if (!parsed.success) return refuse(reply, visit, 400, z.prettifyError(parsed.error));
    const { delayMs, tokensPerSecond, says } = conduct.settings.llm;
    const completion = complete(parsed.data, says);
    const options = {
      includeUsage: parsed.data.stream_options?.include_usage === true,
      pace: { delayMs, tokensPerSecond },
      stalls: fault === 'stall',
      signal,
    };
    if (parsed.data.stream) {
      return stream(reply, served, 'text/event-stream; charset=utf-8', () =>
        completionEvents(completion, options),
      );
    }
    if (fault === 'mute') return reply.hijack();
    // The pace of a stream, spent before the whole answer.
    for await (const event of completionEvents(completion, options)) void event;
    visit.completed();
    return reply.send(completionBody(completion));
  });

  app.post('/v1/audio/speech', async (request, reply) => {
    const served = begin(request, reply, 'tts');
    if (!served) return reply;
    const { visit, signal } = served;
    const parsed = SpeechRequest.safeParse(request.body);
    if (!parsed.success) return refuse(reply, visit, 400, z.prettifyError(parsed.error));
    const { input, response_format: format } = parsed.data;
    if (format !== 'pcm' && format !== 'wav') {
      return refuse(reply, visit, 400, `response_format ${format} is not rehearsed: pcm or wav`);
    }
    const { delayMs, speed } = conduct.settings.tts;
    const began = performance.now();
    const pcm = await voice.speak(input, { speaker: 'agent', sampleRate: SPEECH_RATE });
    const wait = Math.max(0, began + delayMs - performance.now());
    return stream(reply, served, format === 'wav' ? 'audio/wav' : 'audio/pcm', async function* () {
      await new Promise((resolve) => setTimeout(resolve, wait));
      if (format === 'wav') {
        yield encodeWav({ pcm, sampleRate: SPEECH_RATE, channels: 1 }).subarray(0, 44);
      }
      yield* streamSpeech(pcm, { encoding: 'linear16', sampleRate: SPEECH_RATE, speed, signal });
    });
  });

  interface Served {
    readonly visit: Visit;
    /** Aborted when the client has gone. */
    readonly signal: AbortSignal;
    readonly fault: Fault;
  }

  /** Counts the request, checks its key and meets the failure that is due; undefined: done. */
  function begin(
    request: FastifyRequest,
    reply: FastifyReply,
    service: Service,
  ): Served | undefined {
    const visit = stats.visit(service, request.raw.socket);
    const gone = new AbortController();
    reply.raw.once('close', () => {
      gone.abort();
      visit.closed();
    });
    const failure = conduct.takeFailure(service, 'openai');
    const next = misbehave(failure, request.raw.socket, visit);
    if (next === 'stop') {
      reply.hijack();
      return undefined;
    }
    if (typeof next === 'object') {
      refuse(reply, visit, next.status);
      return undefined;
    }
    if (!authorised(request)) {
      refuse(reply, visit, 401);
      return undefined;
    }
    return { visit, signal: gone.signal, fault: failure?.kind };
  }

  /** Sends what `make` yields, one chunk each; stops when the client has gone. */
  async function stream(
    reply: FastifyReply,
    { visit, signal, fault }: Served,
    contentType: string,
    make: () => AsyncIterable<string | Buffer>,
  ): Promise<FastifyReply> {
    reply.hijack();
    const { raw } = reply;
    raw.writeHead(200, { 'content-type': contentType, 'x-request-id': reply.request.id });
    raw.flushHeaders();
    if (fault === 'mute') return reply;
    for await (const piece of make()) {
      if (signal.aborted) return reply;
      if (!raw.write(piece)) await once(raw, 'drain', { signal }).catch(() => undefined);
    }
    if (!signal.aborted) {
      visit.completed();
      raw.end();
    }
    return reply;
  }
}

function refuse(reply: FastifyReply, visit: Visit, status: number, message?: string): FastifyReply {
  visit.failed();
  return reply.code(status).send(openAiError(status, message));
}

function authorised(request: FastifyRequest): boolean {
  return /^Bearer \S+/.test(request.headers.authorization ?? '');
}
