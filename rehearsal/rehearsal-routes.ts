import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { encodeWav } from './audio/wav.ts';
import { nextSentences } from './desk/desk.ts';
import type { Emulators } from './emulators.ts';
import { PHRASES } from './phrases.ts';
import { SettingsPatch } from './settings.ts';

const Disconnect = z.strictObject({ service: z.enum(['stt', 'llm', 'tts']) });

/** A conversation so far. */
const Conversation = z.object({
  language: z.string().max(35),
  turns: z.array(z.object({ who: z.enum(['caller', 'agent']), text: z.string() })).max(1_000),
});
const Speech = z.object({ text: z.enum(PHRASES.map(({ text }) => text)) });
/** As callers' sentences are kept, Hz. */
const SPEECH_RATE = 24_000;

/** Control of the emulators: settings, statistics, outages; and what a caller may say to them. */
export function rehearsalRoutes(app: FastifyInstance, { conduct, stats, voice }: Emulators): void {
  app.get('/rehearsal/settings', async () => conduct.settings);

  app.put('/rehearsal/settings', async (request, reply) => {
    const patch = SettingsPatch.safeParse(request.body);
    if (!patch.success) return reply.code(400).send({ error: z.prettifyError(patch.error) });
    return conduct.change(patch.data);
  });

  app.get('/rehearsal/stats', async () => stats.services);

  app.post('/rehearsal/disconnect', async (request, reply) => {
    const body = Disconnect.safeParse(request.body);
    if (!body.success) return reply.code(400).send({ error: z.prettifyError(body.error) });
    return { disconnected: stats.disconnect(body.data.service) };
  });

  app.post('/rehearsal/sentences', async (request, reply) => {
    const body = Conversation.safeParse(request.body);
    if (!body.success) return reply.code(400).send({ error: z.prettifyError(body.error) });
    const { language, turns } = body.data;
    const messages = turns.map(({ who, text }) => ({
      role: who === 'caller' ? ('user' as const) : ('assistant' as const),
      text,
    }));
    return { data: nextSentences(/^ru\b/i.test(language) ? 'ru' : 'en', messages) };
  });

  app.get('/rehearsal/speech', async (request, reply) => {
    const query = Speech.safeParse(request.query);
    if (!query.success) return reply.code(404).send({ error: 'no phrase of the recogniser' });
    const pcm = await voice.speak(query.data.text, { speaker: 'caller', sampleRate: SPEECH_RATE });
    return reply
      .type('audio/wav')
      .send(Buffer.from(encodeWav({ pcm, sampleRate: SPEECH_RATE, channels: 1 })));
  });

  app.get('/healthz', async () => ({ status: 'ok' }));
}
