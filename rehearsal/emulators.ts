import type { Logger } from 'pino';
import type { Conduct } from './conduct.ts';
import type { Recogniser } from './recogniser/recogniser.ts';
import type { Stats } from './stats.ts';
import type { Voice } from './voice/voice.ts';

/** What the emulated services share. */
export interface Emulators {
  readonly conduct: Conduct;
  readonly stats: Stats;
  readonly voice: Voice;
  readonly recogniser: Recogniser;
  /** After this long without audio or KeepAlive a transcription is closed, ms. */
  readonly idleLimitMs: number;
  readonly log: Logger;
}
