import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fastifyStatic from '@fastify/static';
import type { FastifyInstance, FastifyReply } from 'fastify';

/** Where `npm run desk:build` puts it. */
const FILES = fileURLToPath(new URL('../desk/dist/', import.meta.url));

/**
 * `/desk/`: the pages of the desk, which use the public API and nothing else.
 *
 * @param livekitUrl ws:// or wss://, where the pages may connect to
 */
export function desk(livekitUrl: string) {
  const livekit = new URL(livekitUrl);
  const origins = [livekit, new URL(livekitUrl.replace(/^ws/, 'http'))].map(({ protocol, host }) =>
    [protocol, host].join('//'),
  );
  // Not helmet's: that would have a page by http ask for everything by https.
  const policy = [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    "media-src 'self' blob:",
    `connect-src 'self' ${origins.join(' ')}`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
  const protect = (reply: FastifyReply) =>
    reply
      .header('content-security-policy', policy)
      .header('permissions-policy', 'microphone=(self), camera=(), geolocation=()')
      .header('referrer-policy', 'no-referrer');

  return async (app: FastifyInstance) => {
    const hide = { schema: { hide: true } };
    app.get('/desk', hide, async (_request, reply) => reply.redirect('/desk/'));
    if (!existsSync(join(FILES, 'index.html'))) {
      app.get('/desk/*', hide, async (_request, reply) =>
        reply
          .status(503)
          .type('text/plain; charset=utf-8')
          .send('The desk is not built: `npm run desk:build`, then start the call service again.'),
      );
      return;
    }
    await app.register(fastifyStatic, {
      root: FILES,
      prefix: '/desk/',
      wildcard: false,
      index: false,
      preCompressed: true,
      // Names of built files change with their content.
      immutable: true,
      maxAge: '1y',
    });
    // Each address of the desk is the same page, which looks at the address.
    app.get('/desk/*', hide, async (_request, reply) =>
      protect(reply).sendFile('index.html', { cacheControl: false, immutable: false }),
    );
  };
}
