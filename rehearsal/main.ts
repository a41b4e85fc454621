import { loadConfigOrExit } from '../config/load-config-or-exit.ts';
import { onStop } from '../config/on-stop.ts';
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

onStop(async () => {
  await rehearsal.close();
  process.exit(0);
});
