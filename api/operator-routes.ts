import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { Call } from '../calls/call.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { isE164 } from '../config/e164.ts';
import { BrowserTokenView } from './browser-calls-routes.ts';
import { isDestination } from './destinations.ts';
import type { Operator } from './operator.ts';
import { ProblemError } from './problems.ts';
import { CallView, IdParams, viewCall } from './views.ts';

const DEFAULT_RINGING_SECONDS = 30;

const e164 = z.string().refine(isE164, 'should be a number in E.164: +74951234567');
export const NewCall = z.strictObject({
  to: e164.describe('E.164'),
  line: z.string().min(1).max(100).describe('whose agent talks'),
  from: e164.optional().describe('a number of the trunk; without it, the trunk decides'),
  ringingSeconds: z.number().int().min(5).max(90).default(DEFAULT_RINGING_SECONDS),
});

export const TransferBody = z.strictObject({
  to: z
    .string()
    .refine(isDestination, 'should be a number in E.164 or a SIP address: sip:name@host')
    .describe('E.164 or a SIP address that TRUNKLINE_DIAL_ALLOW names'),
});

export const ActionView = z.object({
  callId: z.string(),
  action: z.enum(['hangup', 'transfer']),
});

export interface OperatorRoutesOptions {
  /** ws:// or wss://, of LiveKit, as browsers reach it. */
  readonly livekitUrl: string;
  readonly ledger: Pick<Ledger, 'call'>;
  readonly operator: Operator;
}

/** `/v1/calls` and below: acting. */
export function operatorRoutes({
  ledger,
  operator,
  livekitUrl,
}: OperatorRoutesOptions): FastifyPluginAsyncZod {
  const tags = ['calls'];

  async function find(id: string): Promise<Call> {
    const call = await ledger.call(id);
    if (call === undefined) throw new ProblemError(404, 'There is no such call.');
    return call;
  }

  return async (app) => {
    app.post(
      '/v1/calls',
      {
        schema: {
          tags,
          summary: 'Call somebody, and have the agent of a line talk',
          description:
            'Answers before they do, with a call that is `initializing`. How it went on is in the ' +
            'record: `busy`, `no_answer`, `rejected` or `trunk_failure` with the SIP code.',
          body: NewCall,
          response: { 201: CallView },
        },
      },
      async ({ body, principal, idempotency }, reply) => {
        const call = await operator.place(
          { ...body, requestId: idempotency?.id },
          principal?.id ?? '',
        );
        return reply.status(201).header('location', `/v1/calls/${call.id}`).send(viewCall(call));
      },
    );

    app.post(
      '/v1/calls/:id/hangup',
      { schema: { tags, summary: 'End a call', params: IdParams, response: { 200: ActionView } } },
      async ({ params, principal }) => {
        const call = await find(params.id);
        await operator.hangup(call, principal?.id ?? '');
        return { callId: call.id, action: 'hangup' as const };
      },
    );

    app.post(
      '/v1/calls/:id/listeners',
      {
        schema: {
          tags,
          summary: 'A token to listen to a call from a browser, unseen and unheard',
          description:
            'The timeline has who asked, as `listener.admitted`, before the token is given.',
          params: IdParams,
          response: { 201: BrowserTokenView },
        },
      },
      async ({ params, principal }, reply) => {
        const call = await find(params.id);
        const token = await operator.listen(call, principal?.id ?? '');
        return reply.status(201).send({ url: livekitUrl, ...token });
      },
    );

    app.post(
      '/v1/calls/:id/transfer',
      {
        schema: {
          tags,
          summary: 'Hand the caller over to somebody else; answers when they have taken the call',
          params: IdParams,
          body: TransferBody,
          response: { 200: ActionView },
        },
      },
      async ({ params, body, principal }) => {
        const call = await find(params.id);
        await operator.transfer(call, body.to, principal?.id ?? '');
        return { callId: call.id, action: 'transfer' as const };
      },
    );
  };
}
