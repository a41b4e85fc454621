import { parseArgs } from 'node:util';
import { TrunklineError, createClient } from '../client/index.ts';
import type { Call, CallDetail, StreamedEvent, TrunklineClient } from '../client/index.ts';
import { loadConfig } from '../config/load-config.ts';
import { localApiKey } from '../config/local-api-key.ts';

const USAGE = `trunkline calls [list]       [--state <state>] [--line <line>] [--limit <n>] [--json]
trunkline calls show <id>    [--json]
trunkline calls watch        [--types call.*] [--line <line>] [--json]

All take --url and --key of a call service; without them: the configured one.`;

const DEFAULT_LIMIT = '20';

export interface CallsCommand {
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  /** For the person at the terminal. */
  readonly say: (line: string) => void;
  /** For whatever reads the output. */
  readonly print: (line: string) => void;
  /** Ends `watch`. */
  readonly signal?: AbortSignal;
}

/** `trunkline calls …`: reads the record over the REST API. The exit code. */
export async function callsCommand(command: CallsCommand): Promise<number> {
  const { say, print } = command;
  const parsed = parse(command.args);
  if (parsed === undefined) {
    say(USAGE);
    return 2;
  }
  const { values, positionals } = parsed;
  const [action = 'list', id] = positionals;
  const write = <T>(value: T, line: (value: T) => string) =>
    print(values.json ? JSON.stringify(value) : line(value));
  try {
    const client = connect(command, values.url, values.key);
    switch (action) {
      case 'list':
        await list(client, values, (call) => write(call, callLine));
        return 0;
      case 'show':
        if (id === undefined) break;
        write(await client.calls.get(id), callPage);
        return 0;
      case 'watch': {
        const { types, line } = values;
        const events = client.events({
          ...(types !== undefined && { types: types.split(',') }),
          ...(line !== undefined && { line }),
          ...(command.signal && { signal: command.signal }),
          onReconnect: () => say('the connection broke; trying again'),
        });
        for await (const event of events) write(event, eventLine);
        return 0;
      }
      default:
    }
  } catch (error) {
    say(explain(error));
    return 1;
  }
  say(USAGE);
  return 2;
}

function parse(args: readonly string[]) {
  const text = { type: 'string' } as const;
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        url: text,
        key: text,
        state: text,
        line: text,
        types: text,
        limit: { ...text, default: DEFAULT_LIMIT },
        json: { type: 'boolean', default: false },
      },
    });
  } catch {
    return undefined;
  }
}

function connect({ env, cwd }: CallsCommand, url?: string, key?: string): TrunklineClient {
  if (url !== undefined && key !== undefined) return createClient({ url, apiKey: key });
  const config = loadConfig({ env, cwd });
  return createClient({
    url: url ?? config.callServiceUrl,
    apiKey: key ?? localApiKey(config),
  });
}

async function list(
  client: TrunklineClient,
  { state, line, limit }: { state?: string | undefined; line?: string | undefined; limit: string },
  show: (call: Call) => void,
): Promise<void> {
  let left = Number(limit);
  const filter = { state: state as Call['state'] | undefined, line };
  for await (const call of client.calls.all({ ...filter, limit: Math.min(left, 200) })) {
    show(call);
    left -= 1;
    if (left <= 0) return;
  }
}

function callLine(call: Call): string {
  const { id, state, startedAt, from = '?', to = '?', line = '-', endReason = '' } = call;
  return [id, startedAt, state.padEnd(12), line, `${from} -> ${to}`, endReason]
    .join('  ')
    .trimEnd();
}

function callPage(call: CallDetail): string {
  const turns = call.turns.map(({ at, who, text }) => `  ${clock(at)} ${who}: ${text}`);
  const timeline = call.timeline.map(
    ({ at, source, type, inferred }) =>
      `  ${clock(at)} ${source.padEnd(10)} ${type}${inferred ? ' (inferred)' : ''}`,
  );
  return [callLine(call), 'Timeline', ...timeline, 'Transcript', ...turns].join('\n');
}

function eventLine({ timestamp, type, callId, data }: StreamedEvent): string {
  const turn = data['turn'] as { who?: string; text?: string } | undefined;
  const said = turn === undefined ? '' : `${turn.who}: ${turn.text}`;
  return [timestamp, type.padEnd(18), callId ?? '-', said].join('  ').trimEnd();
}

/** Of a time in RFC 3339: hours to milliseconds. */
function clock(time: string): string {
  return time.slice(11, 23);
}

function explain(error: unknown): string {
  if (error instanceof TrunklineError) return error.message;
  if (!(error instanceof Error)) return String(error);
  return error.message === 'fetch failed' ? 'The call service does not answer.' : error.message;
}
