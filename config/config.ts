/**
 * What every process of Trunkline is built from: parsed once at the edge by `loadConfig`, frozen,
 * then trusted. Only `main.ts` files read the environment.
 */
export interface Config {
  readonly livekit: LiveKitConfig;
  /** Name the worker registers under; what the dispatch rule and `lk dispatch create` name. */
  readonly agentName: string;
  /** Absolute path of the folder that holds SQLite, the spool, keys and caches. */
  readonly dataDir: string;
  readonly logLevel: LogLevel;
  /** Where the call service listens. */
  readonly http: HostPort;
  /** Base URL at which workers and ingress reach the call service. */
  readonly callServiceUrl: string;
  readonly worker: WorkerConfig;
  readonly sip: SipConfig;
  /** Bearer keys of the REST API, from TRUNKLINE_API_KEYS; empty: one is made at first start. */
  readonly apiKeys: readonly string[];
  readonly outbound: OutboundConfig;
  /** PostgreSQL URL; undefined: SQLite in the data folder. */
  readonly databaseUrl: string | undefined;
  readonly retention: RetentionConfig;
  /** CIDRs or addresses that outgoing webhooks may reach although they are private. */
  readonly endpointAllow: readonly string[];
  readonly providers: ProvidersConfig;
  readonly lines: readonly Line[];
}

export interface OutboundConfig {
  /** LiveKit's id of the SIP trunk to call by, `ST_…`; undefined: no call can be made. */
  readonly trunkId: string | undefined;
  /** Whom calls may be made and transferred to: `+7343*`, `sip:*@pbx.example.com`, `*`. */
  readonly dialAllow: readonly string[];
}

/** Days that a call's data is kept after the call; 0: for good. The record itself stays. */
export interface RetentionConfig {
  /** The timeline and the log of what others were told. */
  readonly eventsDays: number;
  /** What was said. */
  readonly transcriptsDays: number;
}

type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal';

export interface LiveKitConfig {
  /** ws:// or wss:// */
  readonly url: string;
  readonly apiKey: string;
  readonly apiSecret: string;
}

export interface HostPort {
  readonly host: string;
  readonly port: number;
}

export interface WorkerConfig {
  /** Health endpoint of the agent worker. */
  readonly health: HostPort;
  /** Processes that hold conversations; each runs several. */
  readonly hosts: number;
  /** Calls that this worker takes at once over all its hosts; further jobs are refused. */
  readonly maxCalls: number;
}

export interface SipConfig extends HostPort {
  /** Our address as trunks reach it, behind a 1:1 NAT; undefined: the socket's own. */
  readonly advertisedAddress?: string | undefined;
  /** Health endpoint of the ingress process. */
  readonly health: HostPort;
  /** Even first port to odd last port, inclusive (RFC 3550 §11). */
  readonly rtpPorts: { readonly from: number; readonly to: number };
  /** Calls held at once; the next INVITE gets 486 or 503. */
  readonly maxCalls: number;
  /** How long a caller may ring before the agent's track is there, ms. */
  readonly answerTimeoutMs: number;
  /** No RTP for this long ends an answered call, ms. */
  readonly mediaTimeoutMs: number;
  readonly trunk: Trunk;
}

/** A SIP trunk: `sip-trunk.json` (the very file `lk sip inbound create` takes) plus a profile. */
export interface Trunk {
  readonly name: string;
  /** Key into the trunk profiles, e.g. `novofon`. */
  readonly profile: string;
  /** Account numbers that the trunk's INVITEs carry in the Request-URI. */
  readonly numbers: readonly string[];
  /** CIDRs or addresses that may send INVITEs; empty: any (then digest or loopback is required). */
  readonly allowedAddresses: readonly string[];
  /** Callers that the trunk takes calls from, as the trunk writes them; empty: all. */
  readonly allowedNumbers: readonly string[];
  readonly auth: { readonly username: string; readonly password: string } | undefined;
  /** Of the digest challenge; undefined: ours. */
  readonly realm?: string | undefined;
  /** How long a caller may ring; undefined: as long as the endpoint's own setting says. */
  readonly ringingTimeoutMs?: number | undefined;
  /** An answered call is ended after this; undefined: never. */
  readonly maxCallMs?: number | undefined;
  /** Header that carries the dialled number, when it is not in the Request-URI. */
  readonly calledNumberHeader: string | undefined;
  /** INVITE header name -> participant attribute, e.g. `CALLED_DID` -> `sip.h.called_did`. */
  readonly headersToAttributes: Readonly<Record<string, string>>;
  /** The attribute that `calledNumberHeader` becomes. */
  readonly calledNumberAttribute: string | undefined;
  /** ISO 3166 country whose national number format the trunk sends, e.g. `RU`. */
  readonly country: string | undefined;
  /** SDP encoding names in order of preference, e.g. `['PCMA', 'PCMU']`. */
  readonly codecs: readonly string[];
}

/** Rehearsal = the emulators on loopback, used where there is no key. */
export interface ProvidersConfig {
  readonly deepgram: ProviderConfig;
  readonly openai: ProviderConfig;
  /** Where the rehearsal providers listen when any provider is rehearsed. */
  readonly rehearsal: HostPort;
}

export interface ProviderConfig {
  readonly apiKey: string;
  /** http(s):// base, e.g. `https://api.deepgram.com`, `https://api.openai.com/v1`. */
  readonly baseUrl: string;
  readonly rehearsed: boolean;
}

/** A line: the numbers that are answered alike. */
export interface Line {
  readonly name: string;
  /** E.164, or `*` for any number that no other line has. */
  readonly numbers: readonly string[];
  /** BCP 47, e.g. `en`, `ru`. */
  readonly language: string;
  readonly agent: AgentProfile;
  /** IANA's name of the zone that "tomorrow at eight" is meant in, e.g. `Europe/Berlin`. */
  readonly timeZone: string;
  /** Whether the keys that a caller presses stand on the timeline, or only that one was pressed. */
  readonly recordDigits: boolean;
  /** Who serves a caller whom no agent of ours does; undefined: the caller is told, or released. */
  readonly fallback?: Fallback | undefined;
}

/** Tried in this order. */
export interface Fallback {
  /** Name that another worker is registered under. */
  readonly agent?: string | undefined;
  /** E.164 of a person; the trunk must allow transfers (SIP REFER). */
  readonly number?: string | undefined;
}

export interface AgentProfile {
  readonly name: string;
  /** Hash of the profile's content, so that a call's record says which version answered. */
  readonly version: string;
  readonly instructions: string;
  readonly greeting: { readonly text: string } | { readonly wav: string };
  readonly stt: {
    readonly provider: 'deepgram';
    readonly model: string;
    /** Silence after which the STT ends a turn, ms. */
    readonly endpointingMs: number;
    readonly keyterms: readonly string[];
  };
  readonly llm: {
    readonly provider: 'openai';
    readonly model: string;
    readonly temperature: number | undefined;
  };
  readonly tts: {
    readonly provider: 'deepgram' | 'openai';
    readonly model: string;
    /** OpenAI only; Deepgram's voice is its model. */
    readonly voice: string | undefined;
  };
  readonly turns: {
    /** Who ends the caller's turn: the STT's endpointing or silence measured by VAD. */
    readonly detection: 'stt' | 'vad';
    /** Extra wait after the end of a turn was seen, ms. */
    readonly minDelayMs: number;
    readonly maxDelayMs: number;
    /** Speech shorter than this never interrupts the agent, ms. */
    readonly interruptAfterMs: number;
    /** Words that must be recognised before the agent is interrupted; 0: sound alone does. */
    readonly interruptAfterWords: number;
    readonly preemptiveGeneration: boolean;
  };
  readonly limits: {
    readonly maxDurationSeconds: number;
    /** Both silent for this long: the agent says goodbye and hangs up. */
    readonly idleSeconds: number;
  };
}

/** The line a number belongs to: exact E.164 first, then `*`. */
export function findLine(lines: readonly Line[], number: string): Line | undefined {
  return (
    lines.find((line) => line.numbers.includes(number)) ??
    lines.find((line) => line.numbers.includes('*'))
  );
}
