import { version as sdkVersion } from '@livekit/agents';
import { join } from 'node:path';
import { pino } from 'pino';
import { createReporter } from '../calls/reporter.ts';
import { loadConfig } from '../config/load-config.ts';
import { serveHealth } from './health.ts';
import { AgentWorker } from './worker.ts';

const cwd = process.cwd();

const config = loadConfig({ env: process.env, cwd });
const log = pino({ name: 'agent', level: config.logLevel });
const reporter = createReporter({
  url: config.callServiceUrl,
  apiKey: config.livekit.apiKey,
  apiSecret: config.livekit.apiSecret,
  spoolDir: join(config.dataDir, 'spool'),
  source: 'worker',
  log,
});
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
