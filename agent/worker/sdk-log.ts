/**
 * LiveKit's SDK writes what was said into its log (fields `lk.pii.*`, the text of errors), and
 * OpenAI's client writes to the console what it could not read. Neither takes a redaction, so that
 * both are given a log of ours that lets no word of a conversation through.
 */
import { initializeLogger } from '@livekit/agents';
import type { LogFn, Logger, LoggerOptions } from 'pino';
import type { Config } from '../../config/config.ts';
import { openLog } from '../../config/open-log.ts';

/** Where the SDK keeps its logger, one for the process (its log_core.ts). */
const SDK_LOGGER = Symbol.for('@livekit/agents:logger');

/** Before anything of the SDK is made. */
export function initSdkLog(log: Logger, level: Config['logLevel']): void {
  initializeLogger({ pretty: false, level });
  Object.assign(globalThis, { [SDK_LOGGER]: openLog('livekit-agents', level, WITHOUT_WORDS) });
  const unread = () => log.warn('a library wrote to the console what it could not read');
  Object.assign(console, { log: unread, info: unread, warn: unread, error: unread });
}

/** Options of a log that says names, numbers and kinds of errors, and quotes nobody. */
export const WITHOUT_WORDS = {
  formatters: { log: withoutWords },
  hooks: {
    logMethod(args: Parameters<LogFn>, method: LogFn) {
      // Without a message of its own an error is its own message.
      const isBare = args.length === 1 && typeof args[0] !== 'string';
      method.apply(this as unknown as Logger, isBare ? [args[0], 'an error'] : args);
    },
  },
} satisfies LoggerOptions;

function withoutWords(fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).flatMap(([key, value]) => {
      if (key.startsWith('lk.pii.')) return [];
      if (value instanceof Error) return [[key, kindOf(value)]];
      if (typeof value !== 'object' || value === null) return WORDY.test(key) ? [] : [[key, value]];
      return [];
    }),
  );
}

/** Fields whose text is a provider's or a library's, which may quote. */
const WORDY = /err|message|text|transcript|args|arguments|output|content/i;

/** Without its text, which is on the call's timeline, kept and erased with the call. */
export function kindOf(error: Error & { code?: unknown; statusCode?: unknown }): object {
  const { name, code, statusCode, stack = '' } = error;
  const frames = stack.split('\n').filter((line) => /^\s+at /.test(line));
  return { type: name, code, statusCode, stack: frames.join('\n') };
}
