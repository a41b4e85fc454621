import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { Call } from '../calls/call.ts';
import { urlOf } from '../config/addresses.ts';
import type { Config } from '../config/config.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { ProblemError } from './problems.ts';

const TIMEOUT_MS = 10_000;

export const RehearsalView = z.object({
  services: z
    .array(z.enum(['stt', 'llm', 'tts']))
    .describe('emulated on this machine, because their provider has no key'),
});

export const SentencesQuery = z.object({
  language: z.string().max(35).default('en').describe('BCP 47'),
  callId: z.string().max(64).optional().describe('where it stands decides; without: the beginning'),
});

export const SentencesView = z.object({ data: z.array(z.string()) });

const SpeechQuery = z.object({ text: z.string().max(200).describe('one of the sentences') });

interface RehearsalRoutesOptions {
  readonly ledger: Pick<Ledger, 'call'>;
  readonly providers: Config['providers'];
}

/** `/v1/rehearsal`: what can be said while providers are rehearsed. */
export function rehearsalRoutes({
  ledger,
  providers,
}: RehearsalRoutesOptions): FastifyPluginAsyncZod {
  const tags = ['rehearsal'];
  const { deepgram, openai, rehearsal } = providers;
  const services: z.infer<typeof RehearsalView>['services'] = [
    ...(deepgram.rehearsed ? (['stt', 'tts'] as const) : []),
    ...(openai.rehearsed ? (['llm'] as const) : []),
  ];

  async function ask(path: string, init: RequestInit = {}): Promise<Response> {
    if (!deepgram.rehearsed) throw new ProblemError(404, 'No provider is rehearsed.');
    let response: Response;
    try {
      const signal = AbortSignal.timeout(TIMEOUT_MS);
      response = await fetch(urlOf(rehearsal) + path, { ...init, signal });
    } catch (cause) {
      throw new ProblemError(503, 'The rehearsal providers do not answer.', { cause });
    }
    if (response.ok) return response;
    throw new ProblemError(404, 'The rehearsed recogniser does not know that.');
  }

  async function turnsOf(callId: string | undefined): Promise<Call['turns']> {
    if (callId === undefined) return [];
    const call = await ledger.call(callId);
    if (call === undefined) throw new ProblemError(404, 'There is no such call.');
    return call.turns;
  }

  return async (app) => {
    app.get(
      '/v1/rehearsal',
      {
        schema: { tags, summary: 'What is rehearsed', response: { 200: RehearsalView } },
      },
      async () => ({ services }),
    );

    app.get(
      '/v1/rehearsal/sentences',
      {
        schema: {
          tags,
          summary: 'What a caller may say next that the rehearsed providers understand',
          querystring: SentencesQuery,
          response: { 200: SentencesView },
        },
      },
      async ({ query: { language, callId } }) => {
        const turns = (await turnsOf(callId)).map(({ who, text }) => ({ who, text }));
        const response = await ask('/rehearsal/sentences', {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ language, turns }),
        });
        return SentencesView.parse(await response.json());
      },
    );

    app.get(
      '/v1/rehearsal/speech',
      {
        schema: {
          tags,
          summary: 'One of these sentences, spoken',
          querystring: SpeechQuery,
          response: {
            200: { description: 'WAV', content: { 'audio/wav': { schema: z.instanceof(Buffer) } } },
          },
        },
      },
      async ({ query: { text } }, reply) => {
        const response = await ask(`/rehearsal/speech?${new URLSearchParams({ text }).toString()}`);
        const wav = Buffer.from(await response.arrayBuffer());
        return reply.type('audio/wav').serializer(String).send(wav);
      },
    );
  };
}
