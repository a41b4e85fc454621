import type { Config } from '../config/config.ts';
import type { Outbox } from '../webhooks/out/outbox.ts';
import type { Metrics } from './metrics.ts';
import type { WorkerBoard } from './workers.ts';

/** Endpoints are looked through as far as this. */
const MAX_ENDPOINTS = 200;
/** Anybody may ask, however often, ms. */
const KEPT_MS = 2_000;

interface StatusDeps {
  readonly isWritable: () => Promise<boolean>;
  readonly metrics: Pick<Metrics, 'livekit' | 'sip'>;
  readonly outbox: Pick<Outbox, 'endpoints'>;
  readonly workers: WorkerBoard;
  readonly providers: Config['providers'];
}

/**
 * How each part is, in words that programs know: `status` is the worst of them. `ok`, `degraded`
 * (calls are taken), `down` (they are not, or leave no record).
 */
export function createStatus({ isWritable, metrics, outbox, workers, providers }: StatusDeps) {
  let known: { readonly at: number; readonly status: ReturnType<typeof look> } | undefined;

  async function look() {
    const database = (await isWritable()) ? ('up' as const) : ('down' as const);
    const livekit = metrics.livekit();
    const capacity = workers.capacity();
    const { ready, free } = capacity ?? { ready: 0, free: 0 };
    const worker =
      capacity === undefined ? 'unknown' : ready === 0 ? 'none' : free === 0 ? 'full' : 'ok';
    const consumers = await consumersOf(outbox);
    const isDown = database === 'down' || livekit === 'down' || worker === 'none';
    const isDegraded = worker === 'full' || consumers === 'failing' || metrics.sip() === 'lost';
    return {
      status: isDown ? ('down' as const) : isDegraded ? ('degraded' as const) : ('ok' as const),
      parts: {
        database,
        livekit,
        sip: metrics.sip(),
        workers: worker,
        providers: {
          deepgram: providers.deepgram.rehearsed ? 'rehearsed' : 'configured',
          openai: providers.openai.rehearsed ? 'rehearsed' : 'configured',
        },
        consumers,
      },
      workers: { ready, freeCalls: free },
    };
  }

  return () => {
    if (known === undefined || performance.now() - known.at > KEPT_MS) {
      known = { at: performance.now(), status: look() };
    }
    return known.status;
  };
}

async function consumersOf({
  endpoints,
}: Pick<Outbox, 'endpoints'>): Promise<'none' | 'ok' | 'failing' | 'unknown'> {
  try {
    const { data } = await endpoints.list({ limit: MAX_ENDPOINTS });
    const active = data.filter(({ disabledReason }) => disabledReason !== 'operator');
    if (active.length === 0) return 'none';
    const isFailing = active.some((one) => one.disabledAt ?? one.failingSince);
    return isFailing ? 'failing' : 'ok';
  } catch {
    return 'unknown';
  }
}
