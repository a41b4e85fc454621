import { join } from 'node:path';
import { createReporter } from '../reporting/reporter.ts';
import { loadConfigOrExit } from '../config/load-config-or-exit.ts';
import { openLog } from '../config/open-log.ts';
import { AGENT_PARTS } from './agent-config.ts';
import { serveHealth } from './worker/health.ts';
import { RunningJobs, reportLost } from './worker/running-jobs.ts';

const cwd = process.cwd();

const config = loadConfigOrExit({ env: process.env, cwd, uses: AGENT_PARTS });
const log = openLog('agent', config.logLevel);
const reporter = createReporter({
  url: config.callServiceUrl,
  apiKey: config.livekit.apiKey,
  apiSecret: config.livekit.apiSecret,
  spoolDir: join(config.dataDir, 'spool'),
  source: 'worker',
  log,
});
// Callers of the worker before this one wait for help: that cannot wait for the SDK to load.
reportLost(new RunningJobs(config.dataDir, log).takeLost(), reporter);
const { version: sdkVersion } = await import('@livekit/agents');
const { AgentWorker } = await import('./worker/worker.ts');
const worker = new AgentWorker({ config, reporter, log, sdkVersion });
const health = await serveHealth(worker, config.worker.health);
worker.start();

let stopping = false;
/** SIGTERM and Ctrl-C: no new calls, the running ones finish; a second time: at once. */
function stop(signal: NodeJS.Signals): void {
  if (stopping) process.exit(1);
  stopping = true;
  log.info({ signal, calls: worker.activeJobs }, 'draining');
  void (async () => {
    await worker.drain();
    health.close();
    await reporter.close();
    process.exit(0);
  })();
}
process.on('SIGTERM', stop);
process.on('SIGINT', stop);
