/**
 * A process that holds conversations, several at once; forked by the worker. A process for every
 * call (what `@livekit/agents` does) costs more CPU to start than the call itself
 * (docs/decisions/0002-several-calls-per-process.md).
 *
 * When the worker dies, the calls go on: the host finishes them and then exits.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { dispose } from '@livekit/rtc-node';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { openActivityTeller } from '../../reporting/teller.ts';
import { openReporter } from '../../reporting/reporter.ts';
import type { Line } from '../../config/config.ts';
import { openLog } from '../../config/open-log.ts';
import type { FromHost, ToHost } from './host-messages.ts';
import { runJob } from '../conversation/job.ts';
import type { JobDependencies, JobInfo } from '../conversation/job.ts';
import { phrasesFor } from '../speech/phrases.ts';
import { createProviders } from '../speech/providers.ts';
import { RunningJobs } from './running-jobs.ts';
import { initSdkLog, kindOf } from './sdk-log.ts';
import { speechOf } from '../speech/speakable.ts';
import { SpokenTexts } from '../speech/spoken-texts.ts';

/** Nanoseconds. */
const delays = monitorEventLoopDelay();
delays.enable();

const running = new Map<string, AbortController>();
let draining = false;
let deps: (JobDependencies & { readonly runningJobs: RunningJobs }) | undefined;

process.on('message', (message: ToHost) => {
  switch (message.type) {
    case 'init':
      deps = init(message);
      send({ type: 'ready' });
      break;
    case 'job':
      void run(message.job);
      break;
    case 'terminate':
      running.get(message.jobId)?.abort();
      break;
    case 'drain':
      void drain();
      break;
    case 'ping':
      send({ type: 'pong', lag: delays.max / 1e9, memory: process.memoryUsage.rss() });
      delays.reset();
      break;
    default:
      message satisfies never;
  }
});
process.on('disconnect', () => {
  deps?.log.warn({ calls: running.size }, 'the worker is gone, this host ends with its last call');
  void drain();
});
// The worker decides when hosts stop; a signal to the whole process group must not cut calls off.
process.on('SIGTERM', () => undefined);
process.on('SIGINT', () => undefined);
process.on('unhandledRejection', (error) =>
  deps?.log.error({ err: kindOf(error as Error) }, 'unhandled rejection'),
);

function init({ config }: Extract<ToHost, { type: 'init' }>): typeof deps {
  const log = openLog('agent-host', config.logLevel);
  initSdkLog(log, config.logLevel);
  const providers = createProviders(config.providers);
  const spokenTexts = new SpokenTexts(
    join(config.dataDir, 'spoken-texts'),
    (profile) => providers.tts(profile),
    log,
  );
  for (const line of config.lines) void prepare(line, spokenTexts, log);
  const reporter = openReporter(config, 'worker', log);
  const tellActivity = openActivityTeller(config);
  const runningJobs = new RunningJobs(config.dataDir, log);
  return { config, reporter, tellActivity, providers, spokenTexts, runningJobs, log };
}

/** One after the other, the greeting first: providers limit how much is synthesised at once. */
async function prepare(
  { agent, language }: Line,
  spokenTexts: SpokenTexts,
  log: Logger,
): Promise<void> {
  const warm = (samples: Promise<unknown>) =>
    samples.catch((error: unknown) =>
      log.warn({ err: error, profile: agent.name }, 'a fixed text cannot be prepared'),
    );
  const { greeting } = agent;
  if ('wav' in greeting) await warm(spokenTexts.recording(greeting.wav));
  else await warm(spokenTexts.samples(agent, await speechOf(greeting.text, language)));
  for (const text of Object.values(phrasesFor(language))) {
    await warm(spokenTexts.samples(agent, text));
  }
}

async function run(job: JobInfo): Promise<void> {
  if (!deps) throw new Error('a job came before init');
  const abort = new AbortController();
  running.set(job.id, abort);
  try {
    deps.runningJobs.begin(job);
    await runJob(job, deps, abort.signal);
  } catch (error) {
    deps.log.error({ err: error, jobId: job.id }, 'a call failed');
  } finally {
    running.delete(job.id);
    deps.runningJobs.end(job.id);
    send({ type: 'jobEnded', jobId: job.id });
    if (draining) await drain();
  }
}

/** Ends with the last call. */
async function drain(): Promise<void> {
  draining = true;
  if (running.size > 0) return;
  try {
    await deps?.reporter.close();
    await dispose();
  } finally {
    process.exit(0);
  }
}

/** A worker that died just now is no reason to die with it: `disconnect` follows. */
function send(message: FromHost): void {
  if (process.connected) process.send?.(message, undefined, undefined, () => undefined);
}
