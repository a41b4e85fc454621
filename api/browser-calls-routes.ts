import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { Config } from '../config/config.ts';
import { callerToken } from '../livekit/browser-token.ts';
import { ProblemError } from './problems.ts';

export const NewBrowserCall = z.strictObject({
  line: z.string().min(1).max(100).describe('whose agent talks'),
});

/** What livekit-client needs to join a room. */
export const BrowserTokenView = z.object({
  url: z.string().describe('ws:// or wss://, of LiveKit'),
  token: z.string().describe('for this room and this identity, to join by `expiresAt`'),
  room: z.string(),
  identity: z.string(),
  expiresAt: z.iso.datetime(),
});

type BrowserConfig = Pick<Config, 'livekit' | 'livekitPublicUrl' | 'lines' | 'agentName'>;

/** `/v1/browser-calls`: callers who have no telephone. */
export function browserCallsRoutes({
  config,
}: {
  readonly config: BrowserConfig;
}): FastifyPluginAsyncZod {
  const { livekit, livekitPublicUrl: url, lines, agentName } = config;
  return async (app) => {
    app.post(
      '/v1/browser-calls',
      {
        schema: {
          tags: ['calls'],
          summary: "A token to call a line's agent with from a browser",
          description:
            'The call begins when the browser joins the room: `GET /v1/calls?room=…` has it then, ' +
            'and `call.initiated` tells of it, with `ingress: browser`.',
          body: NewBrowserCall,
          response: { 201: BrowserTokenView },
        },
      },
      async ({ body: { line } }, reply) => {
        if (!lines.some(({ name }) => name === line)) {
          throw new ProblemError(400, `There is no line "${line}".`);
        }
        const token = await callerToken(livekit, { agentName, line });
        return reply.status(201).send({ url, ...token });
      },
    );
  };
}
