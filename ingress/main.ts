import { join } from 'node:path';
import { AudioSource } from '@livekit/rtc-node';
import { ProcessNotes } from '../reporting/process-notes.ts';
import { openReporter } from '../reporting/reporter.ts';
import { openRefusalTeller } from '../reporting/teller.ts';
import { loadConfigOrExit } from '../config/load-config-or-exit.ts';
import { onStop } from '../config/on-stop.ts';
import { openLog } from '../config/open-log.ts';
import { serveHealth } from './health.ts';
import { endRoom } from './join-room.ts';
import { RoomLeg } from './leg.ts';
import { renewWhenIdle } from './renewal.ts';
import { SipEndpoint } from './sip/endpoint.ts';
import { LastWords } from './sip/signalling/last-words.ts';

/** Calls that still run this long after SIGTERM are ended by BYE. */
const DRAIN_LIMIT_MS = 60_000;

const config = loadConfigOrExit({
  env: process.env,
  cwd: process.cwd(),
  builtInSip: true,
  uses: ['livekit', 'agentName', 'dataDir', 'logLevel', 'callServiceUrl', 'worker', 'sip', 'lines'],
});
const log = openLog('ingress', config.logLevel);
const reporter = openReporter(config, 'ingress', log);
// Loads WebRTC now, which takes half a second, and not while the first caller waits.
await new AudioSource(8_000, 1).close();
const tellRefusals = openRefusalTeller(config);
const endpoint = await SipEndpoint.open({
  config,
  reporter,
  onRefused: ({ cause, statusCode: sipCode, dialled }, { remoteAddress: address }) =>
    tellRefusals({
      notes: [
        {
          at: new Date().toISOString(),
          cause,
          sipCode,
          address,
          ...(dialled !== undefined && { dialled: dialled.slice(0, 64) }),
        },
      ],
    }),
  log,
  openLeg: (options, signal) => RoomLeg.open(options, signal),
  lastWords: new ProcessNotes(join(config.dataDir, 'sip-calls'), LastWords, log),
  endRoom: (room) => endRoom({ ...room, livekit: config.livekit, log }, room.roomSid),
});
const health = await serveHealth(endpoint, config.sip.health);
log.info({ host: config.sip.host, port: endpoint.port }, 'SIP endpoint is ready');

const hurry = new AbortController();
// No new calls, the running ones finish; a second time: BYE to all.
const stop = onStop<'renewal'>(
  async (reason) => {
    log.info({ reason, calls: endpoint.activeCalls.length }, 'draining');
    await endpoint.drain(DRAIN_LIMIT_MS, hurry.signal);
    await endpoint.close();
    health.close();
    await reporter.close();
    process.exit(0);
  },
  () => hurry.abort(),
);
renewWhenIdle({
  activeCalls: () => endpoint.activeCalls.length,
  memory: () => process.memoryUsage.rss(),
  renew: () => stop('renewal'),
});
