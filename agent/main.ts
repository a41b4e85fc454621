import { hostname } from 'node:os';
import { WORKER_TOLD_EVERY_MS } from '../calls/workers.ts';
import { openReporter } from '../reporting/reporter.ts';
import { openWorkerTeller } from '../reporting/teller.ts';
import { loadConfigOrExit } from '../config/load-config-or-exit.ts';
import { onStop } from '../config/on-stop.ts';
import { openLog } from '../config/open-log.ts';
import { AGENT_PARTS } from './agent-config.ts';
import { serveHealth } from './worker/health.ts';
import { RunningJobs, reportLost } from './worker/running-jobs.ts';

const cwd = process.cwd();

const config = loadConfigOrExit({ env: process.env, cwd, uses: AGENT_PARTS });
const log = openLog('agent', config.logLevel);
const reporter = openReporter(config, 'worker', log);
// Callers of the worker before this one wait for help: that cannot wait for the SDK to load.
reportLost(new RunningJobs(config.dataDir, log).takeLost(), reporter);
const { version: sdkVersion } = await import('@livekit/agents');
const { AgentWorker } = await import('./worker/worker.ts');
const worker = new AgentWorker({ config, reporter, log, sdkVersion });
const health = await serveHealth(worker, config.worker.health);
worker.start();
const tellWorker = openWorkerTeller(config);
const name = `${hostname()} ${process.pid}`;
const telling = setInterval(() => {
  const { id, registered, ready, activeJobs: activeCalls, free: freeCalls } = worker;
  const note = { process: name, agentName: config.agentName, registered, ready };
  tellWorker({ ...note, ...(id !== undefined && { id }), activeCalls, freeCalls });
}, WORKER_TOLD_EVERY_MS);

// No new calls, the running ones finish.
onStop(async (signal) => {
  log.info({ signal, calls: worker.activeJobs }, 'draining');
  await worker.drain();
  clearInterval(telling);
  health.close();
  await reporter.close();
  process.exit(0);
});
