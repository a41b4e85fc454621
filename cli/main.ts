import { constants } from 'node:os';
import { ConfigError } from '../config/config-error.ts';
import { loadConfig } from '../config/load-config.ts';
import { suggest } from '../config/suggest.ts';
import { callsCommand } from './calls.ts';
import { dbCommand } from './db.ts';
import { endpointsCommand, linesCommand } from './listings.ts';
import { doctorCommand } from './doctor/doctor.ts';
import { findLivekitServer } from './livekit-server.ts';
import { openCommand, signInUrl } from './open.ts';
import { UsageError, readArguments } from '../config/read-arguments.ts';
import { apiKeyOf, livekitExports } from './secrets.ts';
import { startScreen } from './start-screen.ts';
import { PortsTakenError, startStack } from './stack.ts';
import type { Stack } from './stack.ts';
import { status } from './status.ts';
import { StartError } from './supervisor.ts';
import { describeEvent, titleOf } from './terminal.ts';

/** Calls in progress may take this long to end after Ctrl-C or SIGTERM. */
const DRAIN_MS = 5 * 60_000;
/** npm and the terminal both pass Ctrl-C on: what comes this soon is the same key press. */
const SAME_SIGNAL_MS = 500;

const USAGE = `trunkline <command>

  start     everything on this machine: livekit-server, call service, agent, SIP endpoint
  calls     what is on record of calls, and what happens to them
  lines     what is answered, and by whom
  endpoints who is told of calls by webhook
  doctor    what is wrong, and what to do about it
  open      a link that opens the desk, signed in; good once, for 10 minutes
  env       the exports that LiveKit's tools read, with the secret:
            eval "$(npm run --silent trunkline -- env)"
  key       the API key:
            curl -H "Authorization: Bearer $(npm run --silent trunkline -- key)" …
  db        moves the ledger from one database to another

"trunkline <command> --help" says more of calls, lines, endpoints, doctor, open and db. Settings: docs/configuration.md.`;

const say = (line: string) => process.stderr.write(`${line}\n`);
const print = (line: string) => process.stdout.write(`${line}\n`);

const [command, ...args] = process.argv.slice(2);
const settings = { env: process.env, cwd: process.cwd() };
/** Those with a --help of their own. */
const WITH_HELP = ['calls', 'lines', 'endpoints', 'doctor', 'open', 'db'];
const COMMANDS = ['start', 'env', 'key', ...WITH_HELP];
const HELP = { help: { type: 'boolean', short: 'h', default: false } } as const;

process.stderr.on('error', () => {});
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // A terminal that is gone, or a full disk behind it, is no reason to stop what takes calls.
  if (command === 'start') return;
  // Who reads the output may have read enough, as with `| head`.
  if (error.code === 'EPIPE') process.exit(128 + constants.signals.SIGPIPE);
  say(`The output cannot be written: ${error.message}.`);
  process.exit(1);
});

/** The exit code; undefined while it goes on. */
async function run(): Promise<number | undefined> {
  switch (command) {
    case undefined: {
      const config = loadConfig({
        ...settings,
        uses: ['livekit', 'callServiceUrl', 'worker', 'sip'],
      });
      for (const line of [...(await status(config)), '', USAGE]) print(line);
      return 0;
    }
    case 'help':
    case '--help':
    case '-h':
      print(USAGE);
      return 0;
    case 'calls':
      return callsCommand({ ...settings, args, say, print });
    case 'lines':
      return linesCommand({ ...settings, args, say, print });
    case 'endpoints':
      return endpointsCommand({ ...settings, args, say, print });
    case 'doctor':
      return doctorCommand({ ...settings, args, say, print });
    case 'open':
      return openCommand({ ...settings, args, say, print });
    case 'db':
      return dbCommand({ ...settings, args, say });
    default:
  }
  if (readArguments(args, HELP).values.help) {
    print(USAGE);
    return 0;
  }
  switch (command) {
    case 'start':
      await start();
      return undefined;
    case 'env':
      print(livekitExports(loadConfig({ ...settings, uses: ['livekit'] })));
      return 0;
    case 'key':
      print(apiKeyOf(loadConfig({ ...settings, uses: ['apiKeys', 'dataDir'] })));
      return 0;
    case 'livekit-server':
      // Used by the tests' set-up: builds it where it is missing, and says where it is.
      say(`livekit-server: ${(await findLivekitServer(process.env, say)).command}`);
      return 0;
    default:
      throw new UsageError(`There is no command "${command}".${suggest(command, COMMANDS)}`);
  }
}

try {
  process.exitCode = await run();
} catch (error) {
  say(explain(error));
  if (error instanceof UsageError) {
    const own = WITH_HELP.includes(command ?? '') ? `${command} ` : '';
    say(`npm run trunkline -- ${own}--help says what there is.`);
  }
  process.exitCode = error instanceof UsageError ? 2 : 1;
}

async function start(): Promise<void> {
  const startedAt = performance.now();
  let stack: Stack | undefined;
  let stopRequestedAt: number | undefined;

  const stop = () => {
    const now = performance.now();
    if (stopRequestedAt === undefined) {
      stopRequestedAt = now;
      if (!stack) process.exit(130); // The guard ends what was started.
      say('\nstopping: calls in progress may finish; Ctrl-C again to hang up and stop at once');
      void finish(stack);
    } else if (now - stopRequestedAt > SAME_SIGNAL_MS) {
      void stack?.hurry();
    }
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stop);
  // The bootstrap was killed: nobody is there to stop us any more.
  process.on('disconnect', stop);

  say('starting …');
  try {
    stack = await startStack({
      cwd: process.cwd(),
      onProgress: say,
      onEvent: (name, event) => {
        // While all starts, only what does not start is of interest, and that is explained; while
        // all stops, everything looks like trouble to everything else.
        if (!stack || stopRequestedAt !== undefined) return;
        const restarts = stack.processes.get(name)?.restarts ?? 0;
        const text = describeEvent(name, event, restarts);
        if (text !== undefined) say(text);
      },
    });
  } catch (error) {
    say(explain(error));
    process.exit(1);
  }
  const { config, logDir, apiUrl, apiKey } = stack;
  const startedInMs = performance.now() - startedAt;
  const signIn = await signInUrl(apiUrl, apiKey);
  const cwd = process.cwd();
  process.stdout.write(startScreen({ config, logDir, startedInMs, cwd, signIn }));
}

async function finish(stack: Stack): Promise<void> {
  await stack.stop(DRAIN_MS);
  say('stopped');
  process.exit(0);
}

function explain(error: unknown): string {
  if (error instanceof ConfigError || error instanceof PortsTakenError) return error.message;
  if (error instanceof StartError) {
    return [
      `The ${titleOf(error.process)} did not start (${error.reason}). It said last:`,
      ...error.lines.map((line) => `  ${line}`),
    ].join('\n');
  }
  return error instanceof Error ? error.message : String(error);
}
