/**
 * The shape of `config/lines.yaml`. Keys are spelled as in config.ts; every default that a
 * telephone call is tuned by stands here, with its reason.
 */
import { z } from 'zod';
import { isCountry, isE164 } from './e164.ts';
import { flag, integer, oneOf, shouldBe, text } from './fields.ts';
import { trunkProfiles, type TrunkProfileName } from './trunk-profiles.ts';

const profileNames = Object.keys(trunkProfiles) as [TrunkProfileName, ...TrunkProfileName[]];

const name = z
  .string()
  .regex(/^[A-Za-z][\w-]{0,63}$/, shouldBe('a name of letters, digits, "-" and "_"'));

const TrunkSection = z.strictObject({
  profile: oneOf(profileNames).default('generic'),
  /** Path of the trunk's file, from the folder of lines.yaml. */
  file: text('the path of the trunk file, such as ../sip-trunk.json').optional(),
  calledNumberHeader: text('a header name, such as CALLED_DID').optional(),
  country: z
    .string(shouldBe('a country code, such as RU'))
    .refine(isCountry, shouldBe('a country code of two capitals, such as RU'))
    .optional(),
  codecs: z
    .array(oneOf(['PCMA', 'PCMU']))
    .min(1, shouldBe('at least one codec'))
    .optional(),
});

/** Silence ends a turn 300 ms after the words: callers pause for 200 ms within a sentence. */
const ENDPOINTING_MS = 300;
/** A "mm-hm" lasts some 240 ms, and must not cut the agent off. */
const INTERRUPT_AFTER_MS = 500;

const Greeting = z
  .strictObject(
    {
      text: text('the words to greet with').optional(),
      wav: text('the path of a WAV file, from the folder of lines.yaml').optional(),
    },
    shouldBe('text: … or wav: …'),
  )
  .refine((greeting) => (greeting.text === undefined) !== (greeting.wav === undefined), {
    error: 'should have either text or wav',
  });

const Stt = z.strictObject({
  provider: oneOf(['deepgram']).default('deepgram'),
  model: text("a model of Deepgram's").default('nova-3'),
  endpointingMs: integer(10, 5000, 'milliseconds').default(ENDPOINTING_MS),
  keyterms: z.array(text('a word or phrase'), shouldBe('a list of words')).max(100).default([]),
});

const Llm = z.strictObject({
  provider: oneOf(['openai']).default('openai'),
  model: text("a model of OpenAI's").default('gpt-4.1-mini'),
  temperature: z
    .number(shouldBe('a number from 0 to 2'))
    .min(0, shouldBe('a number from 0 to 2'))
    .max(2, shouldBe('a number from 0 to 2'))
    .optional(),
});

const Tts = z.strictObject({
  provider: oneOf(['deepgram', 'openai']).default('deepgram'),
  model: text('a model of the provider').optional(),
  voice: text("a voice of OpenAI's").optional(),
});

const Turns = z.strictObject({
  detection: oneOf(['stt', 'vad']).default('stt'),
  /** The STT has waited already. */
  minDelayMs: integer(0, 5000, 'milliseconds').default(0),
  maxDelayMs: integer(0, 10_000, 'milliseconds').default(1500),
  interruptAfterMs: integer(0, 5000, 'milliseconds').default(INTERRUPT_AFTER_MS),
  interruptAfterWords: integer(0, 20, 'words').default(0),
  preemptiveGeneration: flag().default(true),
});

const Limits = z.strictObject({
  maxDurationSeconds: integer(10, 86_400, 'seconds').default(1800),
  idleSeconds: integer(5, 3600, 'seconds').default(30),
});

const Agent = z.strictObject(
  {
    instructions: text('what the agent is told to be and do'),
    greeting: Greeting,
    stt: Stt.prefault({}),
    llm: Llm.prefault({}),
    tts: Tts.prefault({}),
    turns: Turns.prefault({}),
    limits: Limits.prefault({}),
  },
  shouldBe('an agent: instructions, greeting and, as wanted, stt, llm, tts, turns, limits'),
);

const number = z
  .string({
    error: ({ input }) =>
      typeof input === 'number'
        ? `should stand in quotes: '+${input}'`
        : 'should be text in quotes',
  })
  .refine((value) => value === '*' || isE164(value), {
    error: "should be an international number such as '+73433009243', or '*' for any other",
  });

const Fallback = z
  .strictObject(
    {
      agent: text('the name that another agent worker is registered under').optional(),
      number: z
        .string(shouldBe("an international number in quotes, such as '+73433009243'"))
        .refine(isE164, {
          error: "should be an international number such as '+73433009243'",
        })
        .optional(),
    },
    shouldBe('agent: …, number: … or both'),
  )
  .refine(({ agent, number }) => agent !== undefined || number !== undefined, {
    error: 'should have agent, number or both',
  });

/** Of the machine: the environment variable TZ, else /etc/localtime. */
const machineTimeZone = new Intl.DateTimeFormat().resolvedOptions().timeZone;
/** ICU answers with no zone, or with `Etc/Unknown`, where TZ is set to none that it knows. */
const OWN_TIME_ZONE = isTimeZone(machineTimeZone) ? machineTimeZone : 'UTC';

const LineSection = z.strictObject(
  {
    numbers: z
      .array(number, shouldBe('a list of numbers'))
      .min(1, shouldBe('a list of at least one number')),
    language: z.string(shouldBe('a language, such as en')).refine(isLanguage, {
      error: 'should be a language tag of BCP 47, such as en or pt-BR',
    }),
    agent: text('the name of an agent under agents'),
    timeZone: z
      .string(shouldBe('a time zone, such as Europe/Berlin'))
      .refine(isTimeZone, { error: 'should be a time zone of IANA, such as Europe/Berlin' })
      .default(OWN_TIME_ZONE),
    recordDigits: flag().default(false),
    fallback: Fallback.optional(),
  },
  shouldBe('a line: numbers, language, agent and, as wanted, timeZone, recordDigits, fallback'),
);

export const LinesFile = z.strictObject(
  {
    trunk: TrunkSection.prefault({}),
    agents: z.record(name, Agent, shouldBe('agents by their names')),
    lines: z
      .record(name, LineSection, shouldBe('lines by their names'))
      .refine((lines) => Object.keys(lines).length > 0, shouldBe('at least one line')),
  },
  shouldBe('trunk, agents and lines'),
);
export type LinesFile = z.infer<typeof LinesFile>;

function isLanguage(tag: string): boolean {
  try {
    return Intl.getCanonicalLocales(tag).length === 1;
  } catch {
    return false;
  }
}

function isTimeZone(zone: string | undefined): boolean {
  if (zone === undefined) return false;
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone }).format();
    return true;
  } catch {
    return false;
  }
}
