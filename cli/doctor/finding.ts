import type { Config } from '../../config/config.ts';

export type Level = 'pass' | 'warn' | 'fail' | 'skip';

/** What a check has found. `skip`: it is not used here, or cannot be asked now. */
export interface Finding {
  readonly level: Level;
  readonly message: string;
  /** What to do, where something is to be done. */
  readonly steps?: readonly string[];
}

export interface Check {
  /** e.g. `LiveKit` */
  readonly name: string;
  /** Takes no longer than some seconds. What it throws is a failure. */
  run(config: Config): Promise<Finding>;
}

export const pass = (message: string): Finding => ({ level: 'pass', message });
export const skip = (message: string): Finding => ({ level: 'skip', message });
export const warn = (message: string, ...steps: string[]): Finding => ({
  level: 'warn',
  message,
  steps,
});
export const fail = (message: string, ...steps: string[]): Finding => ({
  level: 'fail',
  message,
  steps,
});

/** Of one question to a server, ms. */
export const PATIENCE_MS = 5_000;

/** The answer, or why there is none. */
export async function ask(
  url: string | URL,
  headers: Readonly<Record<string, string>> = {},
): Promise<Response | Error> {
  try {
    return await fetch(url, { headers, signal: AbortSignal.timeout(PATIENCE_MS) });
  } catch (error) {
    return error as Error;
  }
}
