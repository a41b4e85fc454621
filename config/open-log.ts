import { pino } from 'pino';
import type { Logger, LoggerOptions } from 'pino';
import type { Config } from './config.ts';

/** Kept while stdout takes nothing; what is beyond is lost. */
const MAX_WAITING_BYTES = 1024 * 1024;

/**
 * The log of a process, on its stdout. A disk behind it that is full, or a reader that is gone,
 * costs lines and nothing else. (By pino's defaults it is an uncaught exception, and the exit that
 * follows waits for the disk for ever.)
 */
export function openLog(
  name: string,
  level: Config['logLevel'],
  options: LoggerOptions = {},
): Logger {
  const destination = pino.destination({ fd: 1, sync: false, maxLength: MAX_WAITING_BYTES });
  let isRefused = false;
  destination.on('error', () => (isRefused = true));
  destination.on('write', () => (isRefused = false));
  const flush = destination.flushSync.bind(destination);
  destination.flushSync = () => {
    if (!isRefused) flush();
  };
  // Libraries write to it, too.
  process.stdout.on('error', () => undefined);
  return pino({ ...options, name, level }, destination);
}
