import { ConfigError } from '../config/config-error.ts';
import { callsCommand } from './calls.ts';
import { dbCommand } from './db.ts';
import { findLivekitServer } from './livekit-server.ts';
import { startScreen } from './start-screen.ts';
import { PortsTakenError, startStack } from './stack.ts';
import type { Stack } from './stack.ts';
import { StartError } from './supervisor.ts';
import { describeEvent, titleOf } from './terminal.ts';

/** Calls in progress may take this long to end after Ctrl-C or SIGTERM. */
const DRAIN_MS = 5 * 60_000;
/** npm and the terminal both pass Ctrl-C on: what comes this soon is the same key press. */
const SAME_SIGNAL_MS = 500;

const say = (line: string) => process.stderr.write(`${line}\n`);

const [command = 'start'] = process.argv.slice(2);
switch (command) {
  case 'start':
    await start();
    break;
  case 'calls':
    process.exitCode = await callsCommand({
      args: process.argv.slice(3),
      env: process.env,
      cwd: process.cwd(),
      say,
      print: (line) => process.stdout.write(`${line}\n`),
    });
    break;
  case 'db':
    process.exitCode = await dbCommand({
      args: process.argv.slice(3),
      env: process.env,
      cwd: process.cwd(),
      say,
    });
    break;
  case 'livekit-server':
    // Used by the tests' set-up: builds it where it is missing, and says where it is.
    say(`livekit-server: ${(await findLivekitServer(process.env, say)).command}`);
    break;
  default:
    say(`There is no command "${command}"; there is: start, calls, db, livekit-server.`);
    process.exitCode = 2;
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
      say('\nstopping: calls in progress may finish; Ctrl-C again to stop at once');
      void finish(stack);
    } else if (now - stopRequestedAt > SAME_SIGNAL_MS) {
      stack?.kill();
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
  const { config, apiKey, logDir } = stack;
  const startedInMs = performance.now() - startedAt;
  process.stdout.write(startScreen({ config, apiKey, logDir, startedInMs, cwd: process.cwd() }));
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
