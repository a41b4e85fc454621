import { parseArgs } from 'node:util';

export const USAGE = `Measures whole calls: SIP, media, room, agent, on the rehearsal providers.

  npm run bench                 1 and 10 calls, Trunkline only; some minutes
  npm run bench -- --full       1, 10 and 20 calls, beside stock LiveKit workers; writes docs/benchmarks.md

  --calls <n[,n…]>   calls at once
  --turns <n>        phrases that each caller says (default 5)
  --repeat <n>       how often a single call is placed, for enough turns (default 4)
  --system <name>    trunkline, stock or stock-tuned; repeat for more
  --delays <s,l,t>   of STT, LLM and TTS, ms (default 50,50,50)
  --endpointing <ms> silence after which the STT ends a turn (default 25)
  --spacing <ms>     between two calls' INVITEs (default 100)
  --max-calls <n>    what Trunkline is told to carry (default: its own)
  --attach           against the stack that runs already (environment and .env say where)
  --write            write docs/benchmarks.md (--full does)
  --verbose          show what each call was like`;

const SYSTEMS = ['trunkline', 'stock', 'stock-tuned'] as const;
export type SystemName = (typeof SYSTEMS)[number];

export interface BenchArguments {
  readonly calls: readonly number[];
  readonly turns: number;
  readonly repeat: number;
  readonly systems: readonly SystemName[];
  readonly delays: { readonly stt: number; readonly llm: number; readonly tts: number };
  readonly endpointingMs: number;
  readonly spacingMs: number;
  readonly maxCalls: number | undefined;
  readonly attach: boolean;
  readonly write: boolean;
  readonly verbose: boolean;
  readonly help: boolean;
  /** As it was typed, to be repeated. */
  readonly command: string;
}

/** Reads the command line of `npm run bench`. Throws with a sentence for what makes no sense. */
export function readBenchArguments(args: readonly string[]): BenchArguments {
  const { values } = parseArgs({
    args: [...args],
    options: {
      full: { type: 'boolean', default: false },
      calls: { type: 'string' },
      turns: { type: 'string', default: '5' },
      repeat: { type: 'string', default: '4' },
      system: { type: 'string', multiple: true },
      delays: { type: 'string', default: '50,50,50' },
      endpointing: { type: 'string', default: '25' },
      spacing: { type: 'string', default: '100' },
      'max-calls': { type: 'string' },
      attach: { type: 'boolean', default: false },
      write: { type: 'boolean', default: false },
      verbose: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  const { full, attach } = values;
  const [stt, llm, tts] = values.delays.split(',').map((text) => count('--delays', text, 0));
  if (stt === undefined || llm === undefined || tts === undefined) {
    throw new Error('--delays takes three numbers, e.g. 50,50,50');
  }
  const systems = values.system?.map(systemName) ?? (full ? SYSTEMS : (['trunkline'] as const));
  if (attach && systems.some((name) => name !== 'trunkline')) {
    throw new Error('--attach measures the stack that runs; it starts no stock worker');
  }
  const calls = values.calls?.split(',').map((text) => count('--calls', text, 1));
  const maxCalls = values['max-calls'];
  return {
    calls: calls ?? (full ? [1, 10, 20] : attach ? [1] : [1, 10]),
    turns: count('--turns', values.turns, 1),
    repeat: count('--repeat', values.repeat, 1),
    systems,
    delays: { stt, llm, tts },
    endpointingMs: count('--endpointing', values.endpointing, 10),
    spacingMs: count('--spacing', values.spacing, 0),
    maxCalls: maxCalls === undefined ? undefined : count('--max-calls', maxCalls, 1),
    attach,
    write: values.write || full,
    verbose: values.verbose,
    help: values.help,
    command: ['npm run bench', ...(args.length > 0 ? ['--', ...args] : [])].join(' '),
  };
}

function count(option: string, text: string, least: number): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < least) {
    throw new Error(`${option} takes whole numbers from ${least}, not ${JSON.stringify(text)}`);
  }
  return value;
}

function systemName(text: string): SystemName {
  const known = SYSTEMS.find((name) => name === text);
  if (!known) throw new Error(`--system is one of ${SYSTEMS.join(', ')}, not ${text}`);
  return known;
}
