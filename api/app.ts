import helmet from '@fastify/helmet';
import underPressure from '@fastify/under-pressure';
import type { FastifyBaseLogger, FastifyInstance } from 'fastify';
import { LogController, fastify } from 'fastify';
import { serializerCompiler, validatorCompiler } from 'fastify-type-provider-zod';
import type { Ledger } from '../calls/ledger.ts';
import type { Config } from '../config/config.ts';
import { livekitWebhooks } from '../webhooks/receive.ts';
import { guard } from './access.ts';
import type { Limits } from './access.ts';
import { createAuthenticate } from './api-keys.ts';
import { callsRoutes } from './calls-routes.ts';
import { deliveriesRoutes } from './deliveries-routes.ts';
import { endpointsRoutes } from './endpoints-routes.ts';
import { erasuresRoutes } from './erasures-routes.ts';
import { EventFeed } from './event-feed.ts';
import { STREAM_LIMITS, eventsRoute } from './events-route.ts';
import type { StreamLimits } from './events-route.ts';
import { idempotent } from './idempotency.ts';
import { keysRoutes } from './keys-routes.ts';
import { deliveriesRoutes } from './deliveries-routes.ts';
import { endpointsRoutes } from './endpoints-routes.ts';
import { linesRoutes } from './lines-routes.ts';
import { createMetrics } from './metrics.ts';
import type { Metrics } from './metrics.ts';
import { numberPlan } from './number-plan.ts';
import { describeApi, describeProblems } from './openapi.ts';
import { operatorRoutes } from './operator-routes.ts';
import { Operator } from './operator.ts';
import { createLiveKitOperator } from './livekit-operator.ts';
import type { LiveKitOperator } from './livekit-operator.ts';
import { ProblemError, answerWithProblems } from './problems.ts';
import { reportsRoute } from './reports-route.ts';

/** LiveKit, workers and ingress are known by their signatures and not limited. */
const LIMITS: Limits = { requestsPerMinute: 600, failuresPerMinute: 60 };
const BODY_LIMIT_BYTES = 64 * 1024;
/** Dialling that is under way when we stop is given this long; LiveKit goes on with it, ms. */
const DIALLING_GRACE_MS = 2_000;
/** Beyond it requests are refused, so that those that are taken are answered, ms. */
const MAX_EVENT_LOOP_DELAY_MS = 2_000;

export interface AppDeps {
  readonly config: Pick<Config, 'livekit' | 'lines' | 'sip' | 'endpointAllow'>;
  /** Bearer keys of `/v1`; at least one. */
  readonly apiKeys: readonly string[];
  /** Stays the caller's to close. */
  readonly ledger: Ledger;
  readonly metrics?: Metrics;
  readonly log: FastifyBaseLogger;
}

/** The call service's HTTP, ready to listen. Throws on a missing key or secret. */
export async function createApp(deps: AppDeps): Promise<FastifyInstance> {
  const { config, ledger, log } = deps;
  const isKey = createKeyCheck(deps.apiKeys);
  const metrics = deps.metrics ?? createMetrics(ledger);
  const app = fastify({
    loggerInstance: log,
    logController: new LogController({ disableRequestLogging: true }),
    // A request that is still being answered when we stop is finished first.
    forceCloseConnections: 'idle',
  });
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  answerWithProblems(app);
  await app.register(helmet);
  await app.register(underPressure, { maxEventLoopDelay: MAX_EVENT_LOOP_DELAY_MS });
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Trunkline', version: '1', description: 'Calls, as they were.' },
      components: { securitySchemes: { key: { type: 'http', scheme: 'bearer' } } },
      security: [{ key: [] }],
    },
    transform: jsonSchemaTransform,
  });

  const { apiKey, apiSecret } = config.livekit;
  await app.register(
    livekitWebhooks({
      apiKey,
      apiSecret,
      ledger,
      plan: numberPlan(config),
      onEvent: (event, outcome) => metrics.countWebhook(event, outcome),
    }),
  );
  await app.register(
    reportsRoute({
      key: { apiKey, apiSecret },
      ledger,
      onReport: (type, outcome) => metrics.countReport(type, outcome),
    }),
  );

  await app.register(async (api) => {
    await api.register(rateLimit, { max: REQUESTS_PER_MINUTE, timeWindow: '1 minute' });
    api.addHook('onRequest', async (request, reply) => {
      if (isKey(request.headers.authorization)) return;
      void reply.header('www-authenticate', 'Bearer');
      throw new ProblemError(401, 'A valid API key is needed: `Authorization: Bearer <key>`.');
    });
    await api.register(callsRoutes({ ledger }));
    const { endpointAllow } = config;
    await api.register(endpointsRoutes({ outbox: ledger.outbox, endpointAllow }));
    await api.register(deliveriesRoutes({ outbox: ledger.outbox }));
    await api.register(linesRoutes({ lines: config.lines }));
  });

  const hide = { schema: { hide: true } };
  app.get('/', hide, async () => ({ service: 'trunkline', openapi: '/openapi.json' }));
  app.get('/openapi.json', hide, async () => app.swagger());
  app.get('/healthz', hide, async () => ({ status: 'ok' }));
  app.get('/readyz', hide, async () => {
    await ledger.probe().catch((error: unknown) => {
      log.error({ err: error }, 'ledger cannot be written');
      throw new ProblemError(503, 'The ledger cannot be written.', { cause: error });
    });
    return { status: 'ready', livekit: metrics.livekit() };
  });
  app.get('/metrics', hide, async (_request, reply) => {
    const text = await metrics.registry.metrics();
    return reply.header('content-type', metrics.registry.contentType).send(text);
  });
  return app;
}
