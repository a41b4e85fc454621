import { styleText } from 'node:util';
import { ConfigError } from '../../config/config-error.ts';
import type { Config } from '../../config/config.ts';
import { loadConfig } from '../../config/load-config.ts';
import { readArguments } from '../../config/read-arguments.ts';
import type { ApiCommand } from '../api-command.ts';
import { fail, pass } from './finding.ts';
import type { Check, Finding, Level } from './finding.ts';
import { livekit, webhooks } from './livekit.ts';
import {
  callService,
  clock,
  consumers,
  deepgram,
  disk,
  openai,
  ports,
  route,
  sipEndpoint,
  worker,
} from './parts.ts';

const USAGE = `Looks whether everything is as it should be, and says what to do where it is not.
A real webhook is made for it: somebody joins a LiveKit room and leaves; no call is.

  trunkline doctor

  --json     one JSON object per line: name, level, message, steps

The exit code is 0 when all is well, 1 with warnings, 2 when something is broken.

  trunkline doctor --json | jq -r 'select(.level == "fail") | .steps[]'`;

const OPTIONS = {
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
} as const;

const EXIT: Readonly<Record<Level, number>> = { pass: 0, skip: 0, warn: 1, fail: 2 };
const COLOURS = { pass: 'green', skip: 'gray', warn: 'yellow', fail: 'red' } as const;
const NAME_WIDTH = 14;

/**
 * `trunkline doctor`. The exit code.
 * @throws {UsageError}
 */
export async function doctorCommand(command: ApiCommand): Promise<number> {
  const { values } = readArguments(command.args, OPTIONS);
  if (values.help) {
    command.print(USAGE);
    return 0;
  }
  const checks: readonly Check[] = [
    disk,
    route(command.cwd),
    deepgram,
    openai,
    livekit,
    clock,
    callService,
    ports,
    webhooks,
    worker,
    sipEndpoint,
    consumers,
  ];
  let worst = 0;
  const tell = (number: number, name: string, finding: Finding) => {
    worst = Math.max(worst, EXIT[finding.level]);
    if (values.json) return command.print(JSON.stringify({ name, ...finding }));
    for (const line of linesOf(`[${number}/${checks.length + 1}]`, name, finding)) {
      command.print(line);
    }
  };
  const config = configOf(command);
  if ('level' in config) {
    tell(1, 'configuration', config);
    return worst;
  }
  tell(1, 'configuration', pass(`${config.lines.length} lines; nothing is wrong with it.`));
  for (const [index, check] of checks.entries()) {
    tell(index + 2, check.name, await findingOf(check, config));
  }
  return worst;
}

function configOf({ env, cwd }: ApiCommand): Config | Finding {
  try {
    return loadConfig({ env, cwd });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const [first = '', ...problems] = error.message.split('\n').map((line) => line.trim());
    return fail(first, ...problems);
  }
}

async function findingOf(check: Check, config: Config): Promise<Finding> {
  try {
    return await check.run(config);
  } catch (error) {
    return fail(error instanceof Error ? error.message : String(error));
  }
}

function linesOf(number: string, name: string, { level, message, steps = [] }: Finding): string[] {
  const word = styleText(COLOURS[level], level.padEnd(4), { stream: process.stdout });
  return [
    `${number.padEnd(7)} ${word} ${name.padEnd(NAME_WIDTH)} ${message}`,
    ...steps.map((step) => `${' '.repeat(13 + NAME_WIDTH)} -> ${step}`),
  ];
}
