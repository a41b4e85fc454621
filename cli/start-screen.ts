import { relative } from 'node:path';
import { reachableHost } from '../config/addresses.ts';
import type { Config, ProviderConfig } from '../config/config.ts';

/**
 * The one screen of `npm start`: all that is needed to use what now runs, but no secret: screens are
 * shared, recorded and pasted. The link is spent with its first use, and in 10 minutes.
 */
export function startScreen(options: {
  readonly config: Config;
  readonly logDir: string;
  readonly startedInMs: number;
  readonly cwd: string;
  /** URL that opens the desk, once; it leads the screen. */
  readonly signIn: string | undefined;
}): string {
  const { config, logDir, startedInMs, cwd, signIn } = options;
  const { callServiceUrl, dataDir } = config;
  const rows: [string, string[]][] = [
    [
      'Call it',
      [`${sipAddress(config)}   with any softphone`, `${callCommand(config)}   without one`],
    ],
    [
      'API',
      [
        callServiceUrl,
        `curl -H "Authorization: Bearer $(npm run --silent trunkline -- key)" ${callServiceUrl}/v1/calls`,
      ],
    ],
    ['Providers', providers(config)],
    ['For lk', ['eval "$(npm run --silent trunkline -- env)"']],
    ['Data', [`${short(dataDir, cwd)}   logs in ${short(logDir, cwd)}`]],
  ];
  const lines = rows.flatMap(([title, values]) =>
    values.map((value, index) => `  ${(index === 0 ? title : '').padEnd(11)}${value}`),
  );
  return [
    '',
    `Trunkline is ready (${(startedInMs / 1000).toFixed(1)} s).`,
    '',
    signIn === undefined
      ? 'Open the desk by the link that `npm run trunkline -- open` prints.'
      : `Open ${signIn}`,
    '  (talk from the browser, watch calls, see why; good once, for 10 minutes)',
    '',
    ...lines,
    '',
    'Ctrl-C lets calls finish and stops everything; a second one hangs up and stops at once.',
    '',
  ].join('\n');
}

function sipAddress({ sip, lines }: Config): string {
  const number = lines.flatMap(({ numbers }) => numbers).find((number) => number !== '*');
  const port = sip.port === 5060 ? '' : `:${sip.port}`;
  return `sip:${number ?? '+12025550100'}@${reachableHost(sip.host)}${port}`;
}

/** By itself `npm run call` knows the usual port only, and dials a number that nobody has. */
export function callCommand({ sip, lines }: Pick<Config, 'sip' | 'lines'>): string {
  const numbers = lines.flatMap((line) => line.numbers);
  const [number] = numbers.includes('*') ? [] : numbers;
  const command = number === undefined ? 'npm run call' : `npm run call -- --to ${number}`;
  return sip.port === 5060 ? command : `TRUNKLINE_SIP_PORT=${sip.port} ${command}`;
}

function providers({ providers: { deepgram, openai } }: Config): string[] {
  return [
    `Deepgram: ${howProvided(deepgram, 'DEEPGRAM_API_KEY')}`,
    `OpenAI:   ${howProvided(openai, 'OPENAI_API_KEY')}`,
  ];
}

function howProvided({ rehearsed, baseUrl }: ProviderConfig, key: string): string {
  return rehearsed
    ? `rehearsal on this machine, nothing is sent away (${key} is not set)`
    : `real, ${baseUrl}`;
}

function short(path: string, cwd: string): string {
  const shorter = relative(cwd, path);
  return shorter.startsWith('..') ? path : shorter;
}
