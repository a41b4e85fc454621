import { createHash } from 'node:crypto';
import { fastify } from 'fastify';
import { SignJWT } from 'jose';
import { expect, test } from 'vitest';
import type { CallEvent } from '../../calls/events.ts';
import type { Kept } from '../../ledger/set-aside.ts';
import { PLAN, webhooksOf } from './fixtures/histories.ts';
import type { NumberPlan } from '../../livekit/from-livekit.ts';
import { livekitWebhooks } from './receive.ts';

const KEY = { apiKey: 'key', apiSecret: 'a-secret-of-some-length-for-tests' };

async function receive(body: string, plan: NumberPlan) {
  const recorded: CallEvent[] = [];
  const kept: Kept[] = [];
  const app = fastify();
  await app.register(
    livekitWebhooks({
      ...KEY,
      plan,
      ledger: {
        async record(events) {
          recorded.push(...events);
          return events.map(({ id }) => ({ eventId: id, outcome: 'unassigned' }));
        },
        setAside: {
          keep: async (what) => void kept.push(what),
          retry: async () => 0,
          list: async () => [],
          count: async () => 0,
        },
      },
    }),
  );
  const sha256 = createHash('sha256').update(body).digest('base64');
  const authorization = await new SignJWT({ sha256 })
    .setProtectedHeader({ alg: 'HS256' })
    .setIssuer(KEY.apiKey)
    .setExpirationTime('5m')
    .sign(new TextEncoder().encode(KEY.apiSecret));
  const { statusCode } = await app.inject({
    method: 'POST',
    url: '/webhooks/livekit',
    headers: { authorization, 'content-type': 'application/webhook+json' },
    payload: body,
  });
  return { statusCode, recorded, kept };
}

const joined =
  webhooksOf('inbound-novofon-caller-bye').find(({ body }) => body.includes('sip.phoneNumber'))
    ?.body ?? '';

test('an event is stored', async () => {
  const { statusCode, recorded, kept } = await receive(joined, PLAN);
  expect([statusCode, recorded.length, kept]).toEqual([200, 1, []]);
});

test('one that a bug of ours cannot read is kept as it came', async () => {
  const broken: NumberPlan = {
    ...PLAN,
    get country(): never {
      throw new TypeError('a bug');
    },
  };
  const { statusCode, recorded, kept } = await receive(joined, broken);
  expect([statusCode, recorded]).toEqual([200, []]);
  expect(kept).toMatchObject([{ form: 'webhook', body: { event: 'participant_joined' } }]);
});
