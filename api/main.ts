import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { openPostgresStore, openSqliteStore } from './store.ts';
import { loadConfigOrExit } from '../config/load-config-or-exit.ts';
import { onStop } from '../config/on-stop.ts';
import { openLog } from '../config/open-log.ts';
import { createLiveKit } from '../livekit/livekit-api.ts';
import { startDeliverer } from '../webhooks/out/start-deliverer.ts';
import { repeat } from '../reconciler/repeat.ts';
import { sealSettled } from '../reconciler/seal.ts';
import { SipSetupWatch } from '../livekit/sip-setup.ts';
import { translator } from '../webhooks/in/translate.ts';
import { watchCalls } from '../reconciler/watch-calls.ts';
import { ensureApiKey } from './api-keys.ts';
import { createApp } from './app.ts';
import { ANSWERS_KEPT_MS } from './idempotency.ts';
import { meterLedger } from './metered-ledger.ts';
import { createMetrics } from './metrics.ts';
import { numberPlan, numberRules } from './number-plan.ts';
import { sweepOld } from './retention.ts';

const SEAL_EVERY_MS = 1_000;
const LOOK_AT_SIP_EVERY_MS = 30_000;
/** What was set aside is looked at, ms. */
const RETRY_EVERY_MS = 1_000;
const FORGET_EVERY_MS = 3_600_000;
const SWEEP_EVERY_MS = 24 * 3_600_000;
/** Requests under way at the end get this long, ms. */
const CLOSE_TIMEOUT_MS = 10_000;

// By itself V8 lets a heap of which little is alive grow for minutes before it looks.
setFlagsFromString('--heap-growing-percent=50');

const config = loadConfigOrExit(
  {
    env: process.env,
    cwd: process.cwd(),
    uses: [
      'livekit',
      'livekitPublicUrl',
      'providers',
      'agentName',
      'dataDir',
      'logLevel',
      'http',
      'apiKeys',
      'outbound',
      'endpointAllow',
      'databaseUrl',
      'retention',
      'numbering',
      'lines',
    ],
  },
  ({ databaseUrl }) => databaseUrl === undefined, // SQLite is there
);
const log = openLog('api', config.logLevel);
const numbers = numberRules(config);
const { databaseUrl, dataDir } = config;
const file = join(dataDir, 'trunkline.sqlite');
const store = await orExit(`the ledger (${databaseUrl ? 'DATABASE_URL' : file})`, () =>
  databaseUrl ? openPostgresStore(databaseUrl, numbers) : openSqliteStore(file, numbers),
);
const metrics = createMetrics(store);
const ledger = meterLedger(store, metrics, log);
const livekit = createLiveKit(config.livekit);
const watch = watchCalls({
  ledger,
  livekit,
  plan: numberPlan(config),
  lines: config.lines,
  agentName: config.agentName,
  log,
  metrics,
});
const sipSetup = new SipSetupWatch({
  livekit,
  outboundTrunkId: config.outbound.trunkId,
  dataDir: config.dataDir,
  log,
  onLook: (state, lost) => metrics.lookedAtSip(state, lost),
});
const apiKeys =
  config.apiKeys.length > 0
    ? config.apiKeys
    : [await orExit(`the API key (${dataDir})`, async () => ensureApiKey(dataDir))];
const app = await createApp({ config, apiKeys, ledger, livekit, metrics, log });
await app.listen({ ...config.http });
log.info(config.http, 'call service is listening');

watch.start();
const tasks = [
  repeat(
    async () => {
      await sealSettled(ledger, new Date());
    },
    SEAL_EVERY_MS,
    log,
  ),
  repeat(
    async () => {
      await ledger.idempotency.sweep(new Date(Date.now() - ANSWERS_KEPT_MS).toISOString());
    },
    FORGET_EVERY_MS,
    log,
  ),
  repeat(() => sipSetup.look(), LOOK_AT_SIP_EVERY_MS, log),
  repeat(
    async () => {
      const recorded = await ledger.setAside.retry(new Date(), translator(numberPlan(config)));
      if (recorded > 0) log.info({ events: recorded }, 'events that were set aside are recorded');
    },
    RETRY_EVERY_MS,
    log,
  ),
  repeat(
    () => sweepOld({ ...config, removal: ledger.removal, log }, new Date()),
    SWEEP_EVERY_MS,
    log,
  ),
];

const deliverer = startDeliverer({
  announcements: ledger,
  endpointAllow: config.endpointAllow,
  log,
});

onStop(async (signal) => {
  log.info({ signal }, 'stopping');
  setTimeout(() => process.exit(1), CLOSE_TIMEOUT_MS).unref();
  try {
    await app.close();
    await Promise.all([watch, deliverer, ...tasks].map((task) => task.close()));
    await ledger.close();
  } catch (error) {
    log.error({ err: error }, 'could not stop in order');
    process.exitCode = 1;
  }
});

/** What a person has to mend is said in a sentence, without a stack. */
async function orExit<T>(what: string, open: () => Promise<T>): Promise<T> {
  try {
    return await open();
  } catch (error) {
    process.stderr.write(`Cannot open ${what}: ${(error as Error).message}.\n`);
    return process.exit(1);
  }
}
