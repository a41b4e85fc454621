import { randomUUID } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { decodeWav } from '../../ingress/sip/media/wav.ts';
import type { Emulators } from '../emulators.ts';
import { misbehave } from '../misbehave.ts';
import { encodeSpeech } from '../speech-stream.ts';
import { deepgramError, describeProblem } from './errors.ts';
import { modelMetadata, toAlternative } from './results.ts';
import { parseSpeakQuery, voiceLanguage } from './speak-query.ts';

const SpeakBody = z.object({ text: z.string().min(1).max(2000) });

/** Deepgram's HTTP requests: recorded speech to text, and text to speech. */
export function deepgramRoutes(app: FastifyInstance, emulators: Emulators): void {
  const { conduct, recogniser, stats, voice } = emulators;

  app.post('/v1/listen', async (request, reply) => {
    const visit = begin(request, reply, 'stt');
    if (!visit) return reply;
    const body = request.body;
    if (!Buffer.isBuffer(body)) return refuse(reply, 400, 'expected a WAV file');
    let recording;
    try {
      recording = decodeWav(body);
    } catch (error) {
      return refuse(reply, 400, error instanceof Error ? error.message : 'corrupt audio');
    }
    const { pcm, sampleRate } = recording;
    await pause(conduct.settings.stt.delayMs);
    const heard = recogniser.recognise(pcm, sampleRate);
    const durationMs = (pcm.length / sampleRate) * 1000;
    const model = query(request).get('model') ?? 'nova-3';
    visit.completed();
    return {
      metadata: {
        ...modelMetadata({ model }, request.id),
        created: new Date().toISOString(),
        duration: durationMs / 1000,
        channels: 1,
      },
      results: {
        channels: [{ alternatives: [toAlternative({ ...heard, startMs: 0, endMs: durationMs })] }],
      },
    };
  });

  app.post('/v1/speak', async (request, reply) => {
    const visit = begin(request, reply, 'tts');
    if (!visit) return reply;
    const body = SpeakBody.safeParse(request.body);
    if (!body.success) return refuse(reply, 400, describeProblem(body.error));
    let options;
    try {
      options = parseSpeakQuery(query(request));
    } catch (error) {
      return refuse(reply, 400, describeProblem(error));
    }
    const { encoding, sampleRate, model } = options;
    const [pcm] = await Promise.all([
      voice.speak(body.data.text, {
        speaker: 'agent',
        language: voiceLanguage(model),
        sampleRate,
      }),
      pause(conduct.settings.tts.delayMs),
    ]);
    visit.completed();
    return reply
      .header('content-type', `audio/${encoding === 'linear16' ? 'l16' : encoding}`)
      .header('dg-request-id', request.id)
      .header('dg-model-name', model)
      .header('dg-char-count', String(body.data.text.length))
      .send(encodeSpeech(pcm, encoding));
  });

  function begin(request: FastifyRequest, reply: FastifyReply, service: 'stt' | 'tts') {
    const visit = stats.visit(service, request.raw.socket);
    reply.raw.once('close', () => visit.closed());
    const failure = conduct.takeFailure(service, 'deepgram');
    const next = misbehave(failure, request.raw.socket, visit);
    if (next === 'stop' || failure?.kind === 'mute') {
      reply.hijack();
      return undefined;
    }
    if (next !== 'serve') {
      refuse(reply, next.status);
      return undefined;
    }
    if (!isDeepgramKey(request.headers.authorization)) {
      visit.failed();
      refuse(reply, 401);
      return undefined;
    }
    return visit;
  }
}

/** Deepgram takes `Token <key>` and, for temporary tokens, `Bearer <token>`. */
export function isDeepgramKey(authorization: string | undefined): boolean {
  return /^(token|bearer) \S+/i.test(authorization ?? '');
}

function refuse(reply: FastifyReply, status: number, message?: string): FastifyReply {
  return reply.code(status).send(deepgramError(status, randomUUID(), message));
}

function query(request: FastifyRequest): URLSearchParams {
  return new URL(request.url, 'http://rehearsal').searchParams;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
