import helmet from '@fastify/helmet';
import underPressure from '@fastify/under-pressure';
import type { FastifyBaseLogger, FastifyInstance } from 'fastify';
import { LogController, fastify } from 'fastify';
import { serializerCompiler, validatorCompiler } from 'fastify-type-provider-zod';
import type { Store } from './store.ts';
import { ActivityNotes } from '../calls/activity.ts';
import { RefusalNotes } from '../calls/refusals.ts';
import { WorkerNote } from '../calls/workers.ts';
import type { Config } from '../config/config.ts';
import { createLiveKit } from '../livekit/livekit-api.ts';
import { livekitWebhooks } from '../webhooks/in/receive.ts';
import { ActivityBoard } from './activity.ts';
import { createAuthenticate, guard } from './access.ts';
import type { Limits } from './access.ts';
import { createApiKeys } from './api-keys.ts';
import { browserCallsRoutes } from './browser-calls-routes.ts';
import { callsRoutes } from './calls-routes.ts';
import { desk } from './desk.ts';
import { deliveriesRoutes } from './deliveries-routes.ts';
import { endpointsRoutes } from './endpoints-routes.ts';
import { erasuresRoutes } from './erasures-routes.ts';
import { EventFeed } from './event-feed.ts';
import { sessionRoutes } from './session-routes.ts';
import { createSessions } from './sessions.ts';
import { setAsideRoutes } from './set-aside-routes.ts';
import { STREAM_LIMITS, eventsRoute } from './events-route.ts';
import type { StreamLimits } from './events-route.ts';
import { idempotent } from './idempotency.ts';
import { keysRoutes } from './keys-routes.ts';
import { linesRoutes } from './lines-routes.ts';
import { createMetrics } from './metrics.ts';
import type { Metrics } from './metrics.ts';
import { notesRoute } from './notes-route.ts';
import { numberPlan } from './number-plan.ts';
import { describeApi, describeProblems } from './openapi.ts';
import { operatorRoutes } from './operator-routes.ts';
import { Operator } from './operator.ts';
import type { OperatorLiveKit } from './operator.ts';
import { answerUnparsed, answerUnreadable, answerWithProblems, sendProblem } from './problems.ts';
import { watchWrites } from './readiness.ts';
import { RefusalBoard, refusalsRoute } from './refusals.ts';
import { rehearsalRoutes } from './rehearsal-routes.ts';
import { createStatus } from './status.ts';
import { WorkerBoard, workersRoute } from './workers.ts';
import { reportsRoute } from './reports-route.ts';

/** LiveKit, workers and ingress are known by their signatures and not limited. */
const LIMITS: Limits = { requestsPerMinute: 600, failuresPerMinute: 60 };
const BODY_LIMIT_BYTES = 64 * 1024;
/** Dialling that is under way when we stop is given this long; LiveKit goes on with it, ms. */
const DIALLING_GRACE_MS = 2_000;
/** Beyond it requests are refused, so that those that are taken are answered, ms. */
const MAX_EVENT_LOOP_DELAY_MS = 2_000;

export interface AppDeps {
  readonly config: Pick<
    Config,
    | 'livekit'
    | 'livekitPublicUrl'
    | 'lines'
    | 'numbering'
    | 'dataDir'
    | 'endpointAllow'
    | 'outbound'
    | 'providers'
    | 'agentName'
  >;
  /** Keys of the configuration, admin unless they say otherwise; at least one. */
  readonly apiKeys: readonly string[];
  /** Stays the caller's to close. */
  readonly ledger: Store;
  readonly metrics?: Metrics;
  readonly livekit?: OperatorLiveKit;
  readonly limits?: Partial<Limits>;
  readonly streamLimits?: Partial<StreamLimits>;
  readonly log: FastifyBaseLogger;
}

/** The call service's HTTP, ready to listen. Throws on a missing key or secret. */
export async function createApp(deps: AppDeps): Promise<FastifyInstance> {
  const { config, log } = deps;
  const metrics = deps.metrics ?? createMetrics(deps.ledger);
  const { ledger, isWritable } = watchWrites({ ledger: deps.ledger, log });
  const app = fastify({
    loggerInstance: log,
    logController: new LogController({ disableRequestLogging: true }),
    // A request that is still being answered when we stop is finished first.
    forceCloseConnections: 'idle',
    bodyLimit: BODY_LIMIT_BYTES,
    frameworkErrors: answerUnreadable,
    clientErrorHandler: answerUnparsed,
  });
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  answerWithProblems(app);
  await app.register(helmet);
  await app.register(underPressure, { maxEventLoopDelay: MAX_EVENT_LOOP_DELAY_MS });
  await describeApi(app);

  const { apiKey, apiSecret } = config.livekit;
  const plan = numberPlan(config);
  await app.register(
    livekitWebhooks({
      apiKey,
      apiSecret,
      ledger,
      plan,
      onEvent: (event, outcome) => metrics.countWebhook(event, outcome),
    }),
  );
  await app.register(
    reportsRoute({
      key: { apiKey, apiSecret },
      ledger,
      plan,
      onReport: (type, outcome) => metrics.countReport(type, outcome),
    }),
  );
  const board = new ActivityBoard(ledger);
  const refusals = new RefusalBoard();
  const workers = new WorkerBoard();
  metrics.watchWorkers(() => workers.capacity());
  const key = { apiKey, apiSecret };
  await app.register(
    notesRoute({
      path: '/internal/v1/activity',
      key,
      notes: ActivityNotes,
      take: (notes) => board.take(notes),
    }),
  );
  await app.register(
    notesRoute({
      path: '/internal/v1/refusals',
      key,
      notes: RefusalNotes,
      take: (notes) => refusals.take(notes),
    }),
  );
  await app.register(
    notesRoute({
      path: '/internal/v1/workers',
      key,
      notes: WorkerNote,
      take: (note) => workers.take(note),
    }),
  );
  await app.register(v1(deps, { metrics, board, refusals, workers }));

  const hide = { schema: { hide: true } };
  const index = { service: 'trunkline', desk: '/desk/', openapi: '/openapi.json', docs: '/docs' };
  app.get('/', hide, async (request, reply) =>
    request.headers.accept?.includes('text/html') ? reply.redirect('/desk/') : index,
  );
  await app.register(desk(config.livekitPublicUrl));
  let openapi: string | undefined;
  app.get('/openapi.json', hide, async (_request, reply) => {
    openapi ??= JSON.stringify(app.swagger());
    return reply.type('application/json').send(openapi);
  });
  app.get('/healthz', hide, async () => ({ status: 'ok' }));
  app.get('/readyz', hide, async (_request, reply) => {
    if (!(await isWritable())) {
      return sendProblem(reply, 503, { detail: 'The ledger cannot be written.' });
    }
    return { status: 'ready', livekit: metrics.livekit(), sip: metrics.sip() };
  });
  const { outbox } = deps.ledger;
  const { providers } = config;
  const status = createStatus({ isWritable, metrics, outbox, workers, providers });
  app.get('/status.json', hide, () => status());
  app.get('/metrics', hide, async (_request, reply) => {
    const text = await metrics.registry.metrics();
    return reply.header('content-type', metrics.registry.contentType).send(text);
  });
  return app;
}

/** What other routes fill. */
interface Shared {
  readonly metrics: Metrics;
  readonly board: ActivityBoard;
  readonly refusals: RefusalBoard;
  readonly workers: WorkerBoard;
}

/** All that needs a key. */
function v1(
  { config, ledger, log, ...deps }: AppDeps,
  { metrics, board, refusals, workers }: Shared,
) {
  const keys = createApiKeys(deps.apiKeys, ledger.apiKeys);
  const sessions = createSessions({
    secret: config.livekit.apiSecret,
    once: ledger.idempotency,
    keys,
  });
  const authenticate = createAuthenticate(keys, sessions);
  const feed = new EventFeed({ ledger, log });
  const { lines, outbound, agentName, endpointAllow } = config;
  const livekit = deps.livekit ?? createLiveKit(config.livekit);
  const operator = new Operator({
    ledger,
    livekit,
    outbound,
    lines,
    key: config.livekit,
    agentName,
    log,
  });
  const limits = { ...STREAM_LIMITS, ...deps.streamLimits };
  metrics.watchStreams(() => feed.readers);

  return async (api: FastifyInstance) => {
    api.addHook('onClose', () => operator.close(DIALLING_GRACE_MS));
    describeProblems(api);
    await guard(api, authenticate, { ...LIMITS, ...deps.limits });
    idempotent(api, ledger.idempotency);
    await api.register(sessionRoutes({ keys, sessions }));
    await api.register(callsRoutes({ ledger }));
    await api.register(browserCallsRoutes({ config }));
    await api.register(operatorRoutes({ ledger, operator, livekitUrl: config.livekitPublicUrl }));
    await api.register(refusalsRoute(refusals));
    await api.register(workersRoute(workers));
    await api.register(linesRoutes({ lines }));
    await api.register(rehearsalRoutes({ ledger, providers: config.providers }));
    await api.register(eventsRoute({ feed, board, authenticate, limits }));
    await api.register(endpointsRoutes({ outbox: ledger.outbox, endpointAllow }));
    await api.register(deliveriesRoutes({ outbox: ledger.outbox }));
    await api.register(keysRoutes({ keys: ledger.apiKeys }));
    await api.register(erasuresRoutes({ config, removal: ledger.removal }));
    await api.register(setAsideRoutes({ ledger }));
  };
}
