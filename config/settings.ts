/**
 * Every variable that Trunkline reads, with its place in `Config` and its default. A setting is
 * added here and used where it is needed; docs/configuration.md says what each is for, and a test
 * holds the two together.
 */
import { isIP } from 'node:net';
import { availableParallelism } from 'node:os';
import { z } from 'zod';
import { isAddressBlock } from './addresses.ts';
import { integerText, listOf, oneOf, port, shouldBe, text, url } from './fields.ts';

/** Shorter keys can be guessed. */
const MIN_KEY_LENGTH = 16;
/** Measured on 2 cores: docs/benchmarks.md. */
const CALLS_PER_CORE = 5;

const host = () => text('an address to listen on, such as 127.0.0.1');
/** Via and SDP give it out: a name would not do. */
const ipAddress = () =>
  z.string().refine((value) => isIP(value) !== 0, shouldBe('an IP address such as 127.0.0.1'));
/** 0: for good. */
const days = () => integerText(0, 36_500, 'days');
const milliseconds = (max: number) => integerText(100, max, 'milliseconds');

const addresses = listOf(isAddressBlock, 'IP addresses or CIDR blocks');

/** With what it may do, as wanted. */
const API_KEY = new RegExp(`^(?:(?:read|operate|admin):)?[\\x21-\\x7e]{${MIN_KEY_LENGTH},}$`);
/** A number, a SIP address, or the beginning of one before `*`. */
const DESTINATION = /^(?:\*|\+\d{1,15}\*?|sips?:[\w.+*-]+@[\w.*-]+(?::\d{1,5})?)$/;

const destinations = listOf(
  (pattern) => DESTINATION.test(pattern),
  "numbers and SIP addresses, such as '+7343*' or 'sip:*@pbx.example.com',",
);

const apiKeys = listOf(
  (key) => API_KEY.test(key),
  `keys of at least ${MIN_KEY_LENGTH} printable characters`,
  (_key, place) => `number ${place}`,
);

const rtpPorts = z
  .string()
  .trim()
  .regex(/^\d{1,5}-\d{1,5}$/, shouldBe('two ports such as 10000-10199'))
  .transform((value) => {
    const [from = 0, to = 0] = value.split('-').map(Number);
    return { from, to };
  })
  .refine(
    ({ from, to }) => from >= 1024 && to <= 65_535 && from < to && from % 2 === 0 && to % 2 === 1,
    shouldBe('an even first and an odd last port above 1023, such as 10000-10199 (RFC 3550 §11)'),
  );

export const settings = {
  livekit: {
    /** ws:// or wss:// */
    url: setting(
      'LIVEKIT_URL',
      url(['ws', 'wss', 'http', 'https'], 'wss://livekit.example.com')
        .transform((value) => value.replace(/^http/, 'ws'))
        .default('ws://127.0.0.1:7880'),
    ),
    apiKey: setting('LIVEKIT_API_KEY', text('the key of the LiveKit server').optional()),
    apiSecret: setting('LIVEKIT_API_SECRET', text('the secret of the LiveKit server').optional()),
  },
  /** Where browsers reach LiveKit; undefined: where we do. */
  livekitPublicUrl: setting(
    'TRUNKLINE_LIVEKIT_PUBLIC_URL',
    url(['ws', 'wss'], 'wss://livekit.example.com').optional(),
  ),
  /** Name the worker registers under; what the dispatch rule and `lk dispatch create` name. */
  agentName: setting(
    'TRUNKLINE_AGENT_NAME',
    z
      .string()
      .regex(/^[\w.-]{1,64}$/, shouldBe('a name of letters, digits, ".", "-" and "_"'))
      .default('trunkline'),
  ),
  lines: {
    file: setting('TRUNKLINE_CONFIG', text('the path of lines.yaml').default('config/lines.yaml')),
  },
  /** Absolute path of the folder that holds SQLite, the spool, keys and caches. */
  dataDir: setting('TRUNKLINE_DATA_DIR', text('the path of a folder').default('.trunkline')),
  logLevel: setting(
    'TRUNKLINE_LOG_LEVEL',
    oneOf(['trace', 'debug', 'info', 'warn', 'error', 'fatal']).default('info'),
  ),

  /** Where the call service listens. */
  http: {
    host: setting('TRUNKLINE_HTTP_HOST', host().default('127.0.0.1')),
    port: setting('TRUNKLINE_HTTP_PORT', port().default(8080)),
  },
  /** Base URL at which workers and ingress reach the call service. */
  callServiceUrl: setting(
    'TRUNKLINE_API_URL',
    url(['http', 'https'], 'http://127.0.0.1:8080').optional(),
  ),
  /** Bearer keys of the REST API; empty: one is made at first start. */
  apiKeys: setting('TRUNKLINE_API_KEYS', apiKeys.default([])),
  outbound: {
    /** LiveKit's id of the SIP trunk to call by, `ST_…`; undefined: no call can be made. */
    trunkId: setting(
      'TRUNKLINE_OUTBOUND_TRUNK',
      z
        .string()
        .regex(/^ST_\w{1,60}$/, shouldBe('the id of an outbound trunk, such as ST_abc123'))
        .optional(),
    ),
    /** Whom calls may be made and transferred to: `+7343*`, `sip:*@pbx.example.com`, `*`. */
    dialAllow: setting('TRUNKLINE_DIAL_ALLOW', destinations.default([])),
  },
  /** CIDRs or addresses that outgoing webhooks may reach although they are private. */
  endpointAllow: setting('TRUNKLINE_ENDPOINT_ALLOW', addresses.default([])),
  /** PostgreSQL URL; undefined: SQLite in the data folder. */
  databaseUrl: setting(
    'DATABASE_URL',
    url(['postgres', 'postgresql'], 'postgresql://user@host/trunkline').optional(),
  ),
  /** Days that a call's data is kept after the call; 0: for good. The record itself stays. */
  retention: {
    /** The timeline and the log of what others were told. */
    eventsDays: setting('TRUNKLINE_KEEP_EVENTS_DAYS', days().default(90)),
    /** What was said. */
    transcriptsDays: setting('TRUNKLINE_KEEP_TRANSCRIPTS_DAYS', days().default(365)),
  },

  worker: {
    /** Health endpoint of the agent worker. */
    health: {
      host: setting('TRUNKLINE_WORKER_HOST', host().default('127.0.0.1')),
      port: setting('TRUNKLINE_WORKER_PORT', port().default(8081)),
    },
    /** Processes that hold conversations; each runs several. */
    hosts: setting('TRUNKLINE_AGENT_HOSTS', integerText(1, 64, 'processes').default(2)),
    /** Calls that this worker takes at once over all its hosts; further jobs are refused. */
    maxCalls: setting(
      'TRUNKLINE_MAX_CALLS',
      integerText(1, 10_000, 'calls').default(CALLS_PER_CORE * availableParallelism()),
    ),
  },

  sip: {
    host: setting('TRUNKLINE_SIP_HOST', ipAddress().default('127.0.0.1')),
    /** Our address as trunks reach it, behind a 1:1 NAT; undefined: the socket's own. */
    advertisedAddress: setting('TRUNKLINE_SIP_ADVERTISED_ADDRESS', ipAddress().optional()),
    port: setting('TRUNKLINE_SIP_PORT', port().default(5060)),
    /** Even first port to odd last port, inclusive (RFC 3550 §11). */
    rtpPorts: setting('TRUNKLINE_SIP_RTP_PORTS', rtpPorts.default({ from: 10_000, to: 10_199 })),
    /** How long a caller may ring before the agent's track is there, ms. */
    answerTimeoutMs: setting(
      'TRUNKLINE_SIP_ANSWER_TIMEOUT_MS',
      milliseconds(120_000).default(8000),
    ),
    /** No RTP for this long ends an answered call, ms. */
    mediaTimeoutMs: setting(
      'TRUNKLINE_SIP_MEDIA_TIMEOUT_MS',
      milliseconds(600_000).default(15_000),
    ),
    credentials: {
      username: setting(
        'TRUNKLINE_SIP_USERNAME',
        text('the name that the trunk calls with').optional(),
      ),
      password: setting(
        'TRUNKLINE_SIP_PASSWORD',
        text('the password that the trunk calls with').optional(),
      ),
    },
    /** Health endpoint of the ingress process. */
    health: {
      host: setting('TRUNKLINE_INGRESS_HOST', host().default('127.0.0.1')),
      port: setting('TRUNKLINE_INGRESS_PORT', port().default(8090)),
    },
  },

  providers: {
    deepgram: {
      apiKey: setting('DEEPGRAM_API_KEY', text("Deepgram's key").optional()),
      baseUrl: setting(
        'DEEPGRAM_BASE_URL',
        url(['http', 'https'], 'https://api.deepgram.com').optional(),
      ),
    },
    openai: {
      apiKey: setting('OPENAI_API_KEY', text("OpenAI's key").optional()),
      baseUrl: setting(
        'OPENAI_BASE_URL',
        url(['http', 'https'], 'https://api.openai.com/v1').optional(),
      ),
    },
    /** Where the rehearsal providers listen when any provider is rehearsed. */
    rehearsal: { port: setting('TRUNKLINE_REHEARSAL_PORT', port().default(9900)) },
  },
};

/** By these names LiveKit's own programs know some settings; a name of ours wins over them. */
export const ALIASES = {
  LIVEKIT_AGENT_NAME: 'TRUNKLINE_AGENT_NAME',
  LIVEKIT_SIP_OUTBOUND_TRUNK: 'TRUNKLINE_OUTBOUND_TRUNK',
} as const satisfies Readonly<Record<string, SettingName>>;

interface Setting<Variable extends string = string, Shape extends z.ZodType = z.ZodType> {
  readonly variable: Variable;
  readonly shape: Shape;
}

function setting<const Variable extends string, Shape extends z.ZodType>(
  variable: Variable,
  shape: Shape,
): Setting<Variable, Shape> {
  return { variable, shape };
}

type ValuesOf<Tree> =
  Tree extends Setting<string, infer Shape>
    ? z.infer<Shape>
    : { readonly [Key in keyof Tree]: ValuesOf<Tree[Key]> };
type VariablesOf<Tree> =
  Tree extends Setting<infer Variable>
    ? Variable
    : { [Key in keyof Tree]: VariablesOf<Tree[Key]> }[keyof Tree];

/** What the variables say, each value at its place. */
export type Settings = ValuesOf<typeof settings>;
export type SettingName = VariablesOf<typeof settings>;

type Tree = { readonly [key: string]: Setting | Tree };

function isSetting(node: Setting | Tree): node is Setting {
  return 'shape' in node;
}

function flatten(tree: Tree): Setting[] {
  return Object.values(tree).flatMap((node) => (isSetting(node) ? [node] : flatten(node)));
}

/** By variable. */
export const Variables = z.object(
  Object.fromEntries(flatten(settings).map(({ variable, shape }) => [variable, shape])),
);
export const settingNames = Object.keys(Variables.shape) as SettingName[];

/** The part of the settings that a variable, or its `_FILE`, stands in. */
export function partOf(name: string): keyof Settings | undefined {
  const parts = Object.keys(settings) as (keyof Settings)[];
  const variable = name.replace(/_FILE$/, '');
  return parts.find((part) =>
    flatten({ [part]: settings[part] }).some((setting) => setting.variable === variable),
  );
}

/** Parsed variables at their places. */
export function arrange(values: z.infer<typeof Variables>): Settings {
  const place = (tree: Tree): object =>
    Object.fromEntries(
      Object.entries(tree).map(([key, node]) => [
        key,
        isSetting(node) ? values[node.variable] : place(node),
      ]),
    );
  return place(settings) as Settings;
}
