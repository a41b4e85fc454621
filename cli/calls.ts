import { CALL_STATES } from '../calls/call.ts';
import { defined } from '../calls/legs.ts';
import type { Call, CallDetail, StreamedEvent, TrunklineClient } from '../client/index.ts';
import { readArguments, readCount, UsageError } from '../config/read-arguments.ts';
import { API_OPTIONS, API_USAGE, connect, explain, fit } from './api-command.ts';
import type { ApiCommand } from './api-command.ts';

const USAGE = `What is on record of calls, and what happens to them.

  trunkline calls [list]       newest first
      --state <state>          ${CALL_STATES.join(', ')}
      --line <line>
      --number <digits>        that a number on either side ends with
      --said <words>           that were said, in calls that are over
      --limit <n>              default 20
  trunkline calls show <id>    one call: its timeline and what was said
  trunkline calls watch        what happens, as it happens
      --types <types>          between commas, default all: call.*
      --line <line>

${API_USAGE}

  trunkline calls --state failed --json | jq -r '.id + " " + .endReason'`;

const DEFAULT_LIMIT = '20';

export interface CallsCommand extends ApiCommand {
  /** Ends `watch`. */
  readonly signal?: AbortSignal;
}

/**
 * `trunkline calls …`: reads the record over the REST API. The exit code.
 * @throws {UsageError}
 */
export async function callsCommand(command: CallsCommand): Promise<number> {
  const { say, print } = command;
  const { values, positionals } = readArguments(command.args, OPTIONS, 2);
  if (values.help) {
    print(USAGE);
    return 0;
  }
  const [action = 'list', id] = positionals;
  const write = <T>(value: T, line: (value: T) => string) =>
    print(values.json ? JSON.stringify(value) : line(value));
  const client = () => connect(command, values.url, values.key);
  try {
    switch (action) {
      case 'list': {
        const { line, number, said } = values;
        const filter = defined({ state: readState(values.state), line, number, said });
        const limit = readCount('limit', values.limit);
        const found = await list(client(), filter, limit, (call) => write(call, callLine));
        const all = Object.keys(filter).length === 0;
        if (found === 0) say(all ? 'No calls yet: `npm run call` makes one.' : 'No such call.');
        return 0;
      }
      case 'show':
        if (id === undefined) throw new UsageError('show takes the id of a call, call_….');
        write(await client().calls.get(id), callPage);
        return 0;
      case 'watch': {
        const { types, line } = values;
        let isBroken = false;
        const events = client().events({
          ...(types !== undefined && { types: types.split(',') }),
          ...(line !== undefined && { line }),
          ...(command.signal && { signal: command.signal }),
          onReconnect: () => {
            if (!isBroken) say('the connection broke; trying again');
            isBroken = true;
          },
          onConnect: () => {
            if (isBroken) say('the connection is back');
            isBroken = false;
          },
        });
        for await (const event of events) write(event, eventLine);
        return 0;
      }
      default:
        throw new UsageError(`There is no "${action}"; there is: list, show, watch.`);
    }
  } catch (error) {
    if (error instanceof UsageError) throw error;
    say(explain(error));
    return 1;
  }
}

const text = { type: 'string' } as const;
const OPTIONS = {
  ...API_OPTIONS,
  state: text,
  line: text,
  number: text,
  said: text,
  types: text,
  limit: { ...text, default: DEFAULT_LIMIT },
} as const;

function readState(given: string | undefined): Call['state'] | undefined {
  const state = CALL_STATES.find((one) => one === given);
  if (given === undefined || state !== undefined) return state;
  throw new UsageError(`--state is one of ${CALL_STATES.join(', ')}, not "${given}".`);
}

async function list(
  client: TrunklineClient,
  filter: Omit<NonNullable<Parameters<TrunklineClient['calls']['all']>[0]>, 'limit'>,
  limit: number,
  show: (call: Call) => void,
): Promise<number> {
  let left = limit;
  for await (const call of client.calls.all({ ...filter, limit: Math.min(left, 200) })) {
    show(call);
    left -= 1;
    if (left === 0) break;
  }
  return limit - left;
}

function callLine(call: Call): string {
  const { id, state, startedAt, from = '?', to = '?', line = '-', endReason = '' } = call;
  const words = [id, startedAt, state.padEnd(12), line, `${from} -> ${to}`, endReason];
  return fit(words.join('  ').trimEnd());
}

function callPage(call: CallDetail): string {
  const turns = call.turns.map(({ at, who, text }) => `  ${clock(at)} ${who}: ${text}`);
  const timeline = call.timeline.map(
    ({ at, source, type, inferred }) =>
      `  ${clock(at)} ${source.padEnd(10)} ${type}${inferred ? ' (inferred)' : ''}`,
  );
  const { why } = call;
  const evidence = why?.evidence.map(({ text }) => `  ${text}`) ?? [];
  const steps = why?.nextSteps.map((step) => `  -> ${step}`) ?? [];
  const head = why === undefined ? [] : [`${why.sentence} (${why.cause})`, ...evidence, ...steps];
  return [callLine(call), ...head, 'Timeline', ...timeline, 'Transcript', ...turns].join('\n');
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
