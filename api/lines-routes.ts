import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import type { Line } from '../config/config.ts';
import { LineView, listOf, viewLine } from './views.ts';

/** `/v1/lines`: what is answered and by whom, as configured. */
export function linesRoutes({ lines }: { readonly lines: readonly Line[] }): FastifyPluginAsyncZod {
  return async (app) => {
    app.get(
      '/v1/lines',
      { schema: { summary: 'Lines', tags: ['lines'], response: { 200: listOf(LineView) } } },
      async () => ({ data: lines.map(viewLine), nextCursor: null }),
    );
  };
}
