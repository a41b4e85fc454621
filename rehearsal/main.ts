import { loadConfigOrExit } from '../config/load-config-or-exit.ts';
import { openLog } from '../config/open-log.ts';
import { createRehearsal } from './server.ts';

const config = loadConfigOrExit({
  env: process.env,
  cwd: process.cwd(),
  uses: ['providers', 'dataDir', 'logLevel'],
});
const log = openLog('rehearsal', config.logLevel);
const rehearsal = await createRehearsal({
  ...config.providers.rehearsal,
  dataDir: config.dataDir,
  log,
});
log.info({ url: rehearsal.url }, 'rehearsal providers listening');

let stopping = false;
function stop(): void {
  if (stopping) process.exit(1);
  stopping = true;
  void rehearsal.close().then(() => process.exit(0));
}
process.on('SIGTERM', stop);
process.on('SIGINT', stop);
