import { z } from 'zod';

/** What goes wrong with a request. */
export const Failure = z
  .strictObject({
    /**
     * status: an HTTP error in the provider's form. refuse: the connection is reset. hang: never
     * answered. mute: answered, then nothing more comes. cut: served, then dropped midway. stall:
     * served to the middle, then nothing more comes, and the connection stays.
     * Of the STT: endless: no utterance ever ends. wordless: speech is noticed, no word understood.
     * Of Deepgram's TTS: empty: done without audio. silent: done with digital silence. first: done
     * with the first sentence.
     */
    kind: z.enum([
      'status',
      'refuse',
      'hang',
      'mute',
      'cut',
      'stall',
      'endless',
      'wordless',
      'empty',
      'silent',
      'first',
    ]),
    /** HTTP status of kind `status`. */
    status: z.number().int().min(400).max(599).default(500),
    /** When a `cut` drops the connection, ms after the request. */
    afterMs: z.number().nonnegative().default(300),
    /** How many requests fail; absent: all of them. */
    times: z.number().int().positive().optional(),
    /** Only this provider's service fails; absent: whichever is asked. */
    provider: z.enum(['deepgram', 'openai']).optional(),
  })
  .readonly();
export type Failure = z.infer<typeof Failure>;

/** What the model says, whatever it was asked; `arguments` is sent as it stands, be it no JSON. */
const Says = z.strictObject({
  text: z.string().default(''),
  calls: z.array(z.strictObject({ name: z.string(), arguments: z.string() })).default([]),
});
export type Says = z.infer<typeof Says>;

const delayMs = z.number().nonnegative().max(600_000);
const failure = Failure.nullable();

export const Settings = z.strictObject({
  stt: z.strictObject({
    /** From the arrival of the last speech to its transcript, ms (never before the endpointing). */
    delayMs: delayMs.default(100),
    /** Audio between two interim results, ms. */
    interimMs: z.number().min(50).max(5000).default(300),
    failure: failure.default(null),
  }),
  llm: z.strictObject({
    /** From the request to the first token, ms. */
    delayMs: delayMs.default(150),
    tokensPerSecond: z.number().positive().max(100_000).default(100),
    /** Said in place of the desk's words. */
    says: Says.nullable().default(null),
    failure: failure.default(null),
  }),
  tts: z.strictObject({
    /** From the text to the first byte of audio, ms. */
    delayMs: delayMs.default(100),
    /** Audio is sent this much faster than it plays. */
    speed: z.number().positive().max(10_000).default(40),
    failure: failure.default(null),
  }),
});
export type Settings = z.infer<typeof Settings>;

/** Settings of `PUT /rehearsal/settings`: what is left out stays. */
export const SettingsPatch = z.strictObject({
  stt: z
    .strictObject({
      delayMs: delayMs.optional(),
      interimMs: z.number().min(50).max(5000).optional(),
      failure: failure.optional(),
    })
    .optional(),
  llm: z
    .strictObject({
      delayMs: delayMs.optional(),
      tokensPerSecond: z.number().positive().max(100_000).optional(),
      says: Says.nullable().optional(),
      failure: failure.optional(),
    })
    .optional(),
  tts: z
    .strictObject({
      delayMs: delayMs.optional(),
      speed: z.number().positive().max(10_000).optional(),
      failure: failure.optional(),
    })
    .optional(),
});
export type SettingsPatch = z.infer<typeof SettingsPatch>;

/** What is wrong with a connection that is served. */
export type Fault = Failure['kind'] | undefined;

export type Service = keyof Settings;
export type Provider = 'deepgram' | 'openai';
