import type { Endpoint, Line } from '../client/index.ts';
import { UsageError, readArguments } from '../config/read-arguments.ts';
import { API_OPTIONS, API_USAGE, connect, explain, fit } from './api-command.ts';
import type { ApiCommand } from './api-command.ts';

const LINES_USAGE = `What is answered, and by whom.

  trunkline lines              a line each: name, language, agent, numbers

${API_USAGE}

  trunkline lines --json | jq -r '.numbers[]'`;

const ENDPOINTS_USAGE = `Who is told of calls by webhook.

  trunkline endpoints          each with its events, and whether it takes them

${API_USAGE}

  trunkline endpoints --json | jq 'select(.failingSince)'`;

/**
 * `trunkline lines`. The exit code.
 * @throws {UsageError}
 */
export async function linesCommand(command: ApiCommand): Promise<number> {
  return listing(command, LINES_USAGE, async ({ client, write }) => {
    const { data } = await client.lines.list();
    for (const line of data) write(line, lineOf);
    if (data.length === 0) command.say('No lines: lines.yaml has none.');
  });
}

/**
 * `trunkline endpoints`. The exit code.
 * @throws {UsageError}
 */
export async function endpointsCommand(command: ApiCommand): Promise<number> {
  return listing(command, ENDPOINTS_USAGE, async ({ client, write }) => {
    let found = 0;
    for await (const endpoint of client.endpoints.all()) {
      write(endpoint, endpointOf);
      found += 1;
    }
    if (found === 0) command.say('No endpoints: POST /v1/endpoints adds one (docs/webhooks.md).');
  });
}

interface Listing {
  readonly client: ReturnType<typeof connect>;
  readonly write: <T>(value: T, line: (value: T) => string) => void;
}

async function listing(
  command: ApiCommand,
  usage: string,
  list: (listing: Listing) => Promise<void>,
): Promise<number> {
  const { say, print } = command;
  const { values, positionals } = readArguments(command.args, API_OPTIONS, 1);
  if (values.help) {
    print(usage);
    return 0;
  }
  const [word] = positionals;
  if (word !== undefined && word !== 'list') throw new UsageError(`There is no "${word}" here.`);
  try {
    await list({
      client: connect(command, values.url, values.key),
      write: (value, line) => print(values.json ? JSON.stringify(value) : fit(line(value))),
    });
    return 0;
  } catch (error) {
    say(explain(error));
    return 1;
  }
}

function lineOf({ name, language, agent, numbers }: Line): string {
  return [name, language, `${agent.name} (${agent.version})`, numbers.join(', ')].join('  ');
}

function endpointOf({ id, url, events, disabledAt, ...endpoint }: Endpoint): string {
  const { disabledReason = 'operator', failingSince } = endpoint;
  const state =
    disabledAt !== undefined
      ? `off since ${disabledAt} (${disabledReason})`
      : failingSince !== undefined
        ? `failing since ${failingSince}`
        : 'on';
  return [id, state, url, events.join(', ')].join('  ');
}
