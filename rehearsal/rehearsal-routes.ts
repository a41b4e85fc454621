import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { Emulators } from './emulators.ts';
import { SettingsPatch } from './settings.ts';

const Disconnect = z.strictObject({ service: z.enum(['stt', 'llm', 'tts']) });

/** Control of the emulators: settings, statistics, outages. */
export function rehearsalRoutes(app: FastifyInstance, { conduct, stats }: Emulators): void {
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

  app.get('/healthz', async () => ({ status: 'ok' }));
}
