import type { Settings } from './settings.ts';

/**
 * What every process of Trunkline is built from: parsed once at the edge by `loadConfig`, frozen,
 * then trusted. Only `main.ts` files read the environment.
 */
export interface Config extends Omit<Settings, 'lines' | 'sip'> {
  readonly livekit: LiveKitConfig;
  /** ws:// or wss:// */
  readonly livekitPublicUrl: string;
  readonly callServiceUrl: string;
  readonly sip: SipConfig;
  readonly providers: ProvidersConfig;
  readonly numbering: Numbering;
  readonly lines: readonly Line[];
}

/** A part of the configuration; `loadConfig` checks those that a process uses. */
export type Part = keyof Config;

export type LiveKitConfig = { readonly [Key in keyof Settings['livekit']]: string };

export interface HostPort {
  readonly host: string;
  readonly port: number;
}

export interface SipConfig extends Omit<Settings['sip'], 'credentials'> {
  /** Calls held at once; the next INVITE gets 486 or 503. */
  readonly maxCalls: number;
  readonly trunk: Trunk;
}

/** How the trunk writes numbers: known where its file cannot be used, too. */
export interface Numbering extends Pick<Trunk, 'country' | 'calledNumberAttribute'> {
  /** Numbers of ours that the trunk's file has. */
  readonly trunkNumbers: readonly string[];
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

/**
 * The line a number belongs to: exact E.164 first, then `*`.
 *
 * @example findLine(config.lines, '+73433009243')?.agent.name; // 'restaurantDesk'
 */
export function findLine(lines: readonly Line[], number: string): Line | undefined {
  return (
    lines.find((line) => line.numbers.includes(number)) ??
    lines.find((line) => line.numbers.includes('*'))
  );
}
