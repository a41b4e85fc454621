/**
 * Every variable that Trunkline reads, with its default. docs/configuration.md says what each is
 * for; a test holds the two together.
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

export const Settings = z.object({
  LIVEKIT_URL: url(['ws', 'wss', 'http', 'https'], 'wss://livekit.example.com')
    .transform((value) => value.replace(/^http/, 'ws'))
    .default('ws://127.0.0.1:7880'),
  LIVEKIT_API_KEY: text('the key of the LiveKit server').optional(),
  LIVEKIT_API_SECRET: text('the secret of the LiveKit server').optional(),

  TRUNKLINE_AGENT_NAME: z
    .string()
    .regex(/^[\w.-]{1,64}$/, shouldBe('a name of letters, digits, ".", "-" and "_"'))
    .default('trunkline'),
  TRUNKLINE_CONFIG: text('the path of lines.yaml').default('config/lines.yaml'),
  TRUNKLINE_DATA_DIR: text('the path of a folder').default('.trunkline'),
  TRUNKLINE_LOG_LEVEL: oneOf(['trace', 'debug', 'info', 'warn', 'error', 'fatal']).default('info'),

  TRUNKLINE_HTTP_HOST: host().default('127.0.0.1'),
  TRUNKLINE_HTTP_PORT: port().default(8080),
  TRUNKLINE_API_URL: url(['http', 'https'], 'http://127.0.0.1:8080').optional(),
  TRUNKLINE_API_KEYS: apiKeys.default([]),
  TRUNKLINE_DIAL_ALLOW: destinations.default([]),
  TRUNKLINE_OUTBOUND_TRUNK: z
    .string()
    .regex(/^ST_\w{1,60}$/, shouldBe('the id of an outbound trunk, such as ST_abc123'))
    .optional(),
  TRUNKLINE_ENDPOINT_ALLOW: addresses.default([]),
  DATABASE_URL: url(['postgres', 'postgresql'], 'postgresql://user@host/trunkline').optional(),
  TRUNKLINE_KEEP_EVENTS_DAYS: days().default(90),
  TRUNKLINE_KEEP_TRANSCRIPTS_DAYS: days().default(365),

  TRUNKLINE_WORKER_HOST: host().default('127.0.0.1'),
  TRUNKLINE_WORKER_PORT: port().default(8081),
  TRUNKLINE_AGENT_HOSTS: integerText(1, 64, 'processes').default(2),
  TRUNKLINE_MAX_CALLS: integerText(1, 10_000, 'calls').default(
    CALLS_PER_CORE * availableParallelism(),
  ),

  TRUNKLINE_SIP_HOST: ipAddress().default('127.0.0.1'),
  TRUNKLINE_SIP_ADVERTISED_ADDRESS: ipAddress().optional(),
  TRUNKLINE_SIP_PORT: port().default(5060),
  TRUNKLINE_SIP_RTP_PORTS: rtpPorts.default({ from: 10_000, to: 10_199 }),
  TRUNKLINE_SIP_ANSWER_TIMEOUT_MS: milliseconds(120_000).default(8000),
  TRUNKLINE_SIP_MEDIA_TIMEOUT_MS: milliseconds(600_000).default(15_000),
  TRUNKLINE_SIP_USERNAME: text('the name that the trunk calls with').optional(),
  TRUNKLINE_SIP_PASSWORD: text('the password that the trunk calls with').optional(),
  TRUNKLINE_INGRESS_HOST: host().default('127.0.0.1'),
  TRUNKLINE_INGRESS_PORT: port().default(8090),

  DEEPGRAM_API_KEY: text("Deepgram's key").optional(),
  DEEPGRAM_BASE_URL: url(['http', 'https'], 'https://api.deepgram.com').optional(),
  OPENAI_API_KEY: text("OpenAI's key").optional(),
  OPENAI_BASE_URL: url(['http', 'https'], 'https://api.openai.com/v1').optional(),
  TRUNKLINE_REHEARSAL_PORT: port().default(9900),
});
export type Settings = z.infer<typeof Settings>;
export type SettingName = keyof Settings;

export const settingNames = Object.keys(Settings.shape) as SettingName[];
