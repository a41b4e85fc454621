import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { ulid } from 'ulid';
import { signReportToken } from './report-token.ts';
import type { Config } from '../config/config.ts';
import { backoff } from '../config/backoff.ts';
import type { Correlation, Report, ReportBody } from '../calls/reports.ts';
import { SPOOL_READ_BYTES, openSpool } from './spool.ts';

/** First report of a batch to its POST, ms: few requests, and the record is still live. */
const BATCH_WINDOW_MS = 50;
/** The call service takes 500 at most. */
const MAX_BATCH = 200;
const MAX_LINE_BYTES = SPOOL_READ_BYTES / 4;
const REQUEST_TIMEOUT_MS = 5_000;
const BACKOFF_MS = { first: 100, most: 5_000 } as const;
/** How often the files of processes that died are looked for. */
const ADOPT_EVERY_MS = 5_000;
const FLUSH_MS = 2_000;
const MAX_SPOOL_BYTES = 64 * 1024 * 1024;
/** Kept in memory while the disk takes nothing. */
const MAX_UNSPOOLED = 1_000;

export interface ReporterOptions {
  /** Base URL of the call service, e.g. `http://127.0.0.1:8080`. */
  readonly url: string;
  /** LiveKit API key and secret; they sign the request's token. */
  readonly apiKey: string;
  readonly apiSecret: string;
  /** Folder of undelivered reports, e.g. `<dataDir>/spool`; processes of one machine may share it. */
  readonly spoolDir: string;
  readonly source: Report['source'];
  readonly log: Pick<Logger, 'info' | 'warn' | 'error'>;
  /** Disk that this process' undelivered reports may take, bytes. */
  readonly maxSpoolBytes?: number;
}

/** Tells the call service what happened to calls; nothing is lost while it is away. */
export interface Reporter {
  /**
   * On disk when it returns (`kill -9` does not lose it), delivered soon after. Never throws.
   * @param at when it happened; now when left out.
   */
  report(call: Correlation, body: ReportBody, at?: Date): void;
  /**
   * Takes over at once what processes that are gone have left: before their end is reported, so that
   * nobody takes it for the last that was to be heard of them.
   */
  adopt(): void;
  /** Waits until everything is delivered, at most `timeoutMs` (2 s). */
  flush(timeoutMs?: number): Promise<void>;
  /** As `flush`, then stops; what is undelivered stays spooled for the next process. */
  close(timeoutMs?: number): Promise<void>;
}

/** As `createReporter`, of a process with this configuration. */
export function openReporter(
  config: Pick<Config, 'callServiceUrl' | 'livekit' | 'dataDir'>,
  source: Report['source'],
  log: ReporterOptions['log'],
): Reporter {
  const { callServiceUrl: url, livekit, dataDir } = config;
  return createReporter({ ...livekit, url, spoolDir: join(dataDir, 'spool'), source, log });
}

/**
 * Throws when the secret is empty or the URL is none. Adopts and delivers what processes that are
 * gone have left in the folder, at start and from then on. Reports that a disk refuses are kept in
 * memory, as far as that goes.
 */
export function createReporter(options: ReporterOptions): Reporter {
  const { log, source } = options;
  if (options.apiSecret === '') throw new Error('the LiveKit API secret is empty');
  const endpoint = new URL('/internal/v1/reports', options.url);
  const spool = openSpool({
    dir: options.spoolDir,
    maxBytes: options.maxSpoolBytes ?? MAX_SPOOL_BYTES,
    log,
  });
  const unspooled: string[] = [];
  const flushing: ((value: unknown) => void)[] = [];
  const stopping = new AbortController();
  let wake: ((value: unknown) => void) | undefined;
  let closed: Promise<void> | undefined;
  let batchLimit = MAX_BATCH;
  let failures = 0;
  let isReadable = true;

  const isEmpty = (): boolean => spool.isEmpty && unspooled.length === 0;

  function adopt(): void {
    try {
      const files = spool.adopt();
      isReadable = true;
      if (files > 0) {
        log.info({ files }, 'adopted the reports of a process that is gone');
        wake?.(undefined);
      }
    } catch (error) {
      if (isReadable) log.warn({ err: error }, 'spool folder cannot be read');
      isReadable = false;
    }
  }

  function keep(line: string): void {
    try {
      spool.append(line);
    } catch (error) {
      const isKept = unspooled.length < MAX_UNSPOOLED;
      if (isKept) unspooled.push(line);
      log.error({ err: error, isKept }, 'spool cannot be written, reports are kept in memory');
    }
  }

  async function post(lines: readonly string[]): Promise<'delivered' | 'refused' | 'later'> {
    const token = await signReportToken(options, source);
    const response = await fetch(endpoint, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: `{"reports":[${lines.join(',')}]}`,
      signal: AbortSignal.any([stopping.signal, AbortSignal.timeout(REQUEST_TIMEOUT_MS)]),
    });
    const answer = await response.text();
    if (response.ok) {
      // Taken as a whole; what is not valid in it will not become so by repeating it.
      if (!answer.includes('"rejected":[]')) log.error({ answer }, 'reports are not valid');
      return 'delivered';
    }
    log.warn({ status: response.status, answer: answer.slice(0, 500) }, 'reports were not taken');
    return [400, 413, 422].includes(response.status) ? 'refused' : 'later';
  }

  /** One request; false when the service should be left alone for a while. */
  async function deliver(): Promise<boolean> {
    const batch = spool.peek(batchLimit);
    const lines = batch?.lines ?? unspooled.slice(0, batchLimit);
    if (lines.length === 0) return true;
    const result = await post(lines);
    if (result === 'later') return false;
    if (result === 'refused' && lines.length > 1) {
      // Find the bad one: the good ones around it must not be lost with it.
      batchLimit = Math.ceil(lines.length / 2);
      return true;
    }
    if (result === 'refused') log.error({ bytes: lines[0]?.length }, 'report dropped');
    else batchLimit = MAX_BATCH;
    if (batch) batch.done();
    else unspooled.splice(0, lines.length);
    return true;
  }

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      if (isEmpty()) {
        for (const resolve of flushing.splice(0)) resolve(undefined);
        const woken = Promise.withResolvers<unknown>();
        wake = woken.resolve;
        await woken.promise;
        wake = undefined;
        await pause(BATCH_WINDOW_MS);
        continue;
      }
      let taken = false;
      try {
        taken = await deliver();
      } catch (error) {
        if (failures === 0 && !stopping.signal.aborted) {
          log.warn({ err: error }, 'call service is away, reports are kept on disk');
        }
      }
      if (taken) {
        failures = 0;
      } else {
        await pause(backoff(BACKOFF_MS, failures) * (0.5 + Math.random() / 2));
        failures += 1;
      }
    }
  }

  async function pause(ms: number): Promise<void> {
    // Waiting for the call service keeps no process alive: the spool does its part.
    await delay(ms, undefined, { signal: stopping.signal, ref: false }).catch(() => undefined);
  }

  adopt();
  const adopting = setInterval(adopt, ADOPT_EVERY_MS).unref();
  const running = run().catch((error: unknown) => {
    log.error({ err: error }, 'reporting has stopped');
  });

  async function flush(timeoutMs = FLUSH_MS): Promise<void> {
    if (isEmpty()) return;
    wake?.(undefined);
    const { promise, resolve } = Promise.withResolvers<unknown>();
    flushing.push(resolve);
    const timeout = setTimeout(resolve, timeoutMs);
    await promise;
    clearTimeout(timeout);
  }

  return {
    report(call, body, at = new Date()) {
      const report = { id: ulid(), source, at: at.toISOString(), call, ...body } satisfies Report;
      const line = JSON.stringify(report);
      if (Buffer.byteLength(line) > MAX_LINE_BYTES) {
        log.error({ type: body.type, bytes: line.length }, 'report is too long, dropped');
        return;
      }
      keep(line);
      wake?.(undefined);
    },
    adopt,
    flush,
    async close(timeoutMs) {
      closed ??= (async () => {
        await flush(timeoutMs);
        clearInterval(adopting);
        stopping.abort();
        wake?.(undefined);
        await running;
        for (const line of unspooled.splice(0)) keep(line);
        spool.close();
      })();
      await closed;
    },
  };
}
