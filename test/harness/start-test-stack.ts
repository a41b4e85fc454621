import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startStack } from '../../cli/stack.ts';
import type { ProcessName, Stack } from '../../cli/stack.ts';
import { findStackPorts } from '../../cli/stack-ports.ts';
import type { StackPorts } from '../../cli/stack-ports.ts';
import { TESTS_DATA_DIR } from '../../rehearsal/voice/fixtures/tests-data-dir.ts';

const TAIL_LINES = 40;

/** A whole stack of a test's own: free ports, its own data folder, never a paid provider. */
export interface TestStack extends Stack {
  readonly dataDir: string;
  /** `host:port` of the SIP endpoint. */
  readonly sip: string;
  /** GET with the API key; rejects for any status but 2xx. */
  get<T = unknown>(path: string): Promise<T>;
  /** The last lines of every process's log, for the report of a failed test. */
  logTails(): string;
}

export interface TestStackOptions {
  /** Settings over the defaults, e.g. `{ TRUNKLINE_MAX_CALLS: '2' }`. */
  readonly env?: Readonly<Record<string, string>>;
  readonly only?: readonly ProcessName[];
  /** Default: any that are free. */
  readonly ports?: StackPorts;
  /** Default: a new folder, removed at the end. */
  readonly dataDir?: string;
}

export async function startTestStack(options: TestStackOptions = {}): Promise<TestStack> {
  const folder = mkdtempSync(join(tmpdir(), 'trunkline-stack-'));
  const dataDir = options.dataDir ?? join(folder, 'data');
  mkdirSync(dataDir, { recursive: true });
  shareVoices(dataDir);
  const ports = options.ports ?? (await findStackPorts());
  const logTails = () => tailsOf(join(dataDir, 'logs'));
  let stack: Stack;
  try {
    stack = await startStack({
      // Not the project's folder: its .env may hold real keys.
      cwd: folder,
      dataDir,
      ports,
      env: {
        ...inherited(),
        TRUNKLINE_CONFIG: fileURLToPath(new URL('../../config/lines.yaml', import.meta.url)),
        ...options.env,
      },
      ...(options.only && { only: options.only }),
      onProgress: (line) => process.stderr.write(`${line}\n`),
    });
  } catch (error) {
    process.stderr.write(logTails());
    throw error;
  }

  let stopped: Promise<void> | undefined;
  const stop = (drainMs?: number) =>
    (stopped ??= stack
      .stop(drainMs)
      .then(() => rmSync(folder, { recursive: true, force: true, maxRetries: 3 })));
  return {
    ...stack,
    dataDir,
    sip: `127.0.0.1:${ports.sip}`,
    logTails,
    async get<T>(path: string) {
      const response = await fetch(`${stack.apiUrl}${path}`, {
        headers: { authorization: `Bearer ${stack.apiKey}` },
      });
      if (!response.ok) throw new Error(`GET ${path}: ${response.status} ${await response.text()}`);
      return (await response.json()) as T;
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** Rendering the phrase book takes seconds: every stack of this clone's tests shares the result. */
export function shareVoices(dataDir: string): void {
  const voices = join(TESTS_DATA_DIR, 'rehearsal-voice');
  mkdirSync(voices, { recursive: true });
  symlinkSync(voices, join(dataDir, 'rehearsal-voice'));
}

/** What programs need; neither the settings nor the providers' keys of whoever runs the tests. */
function inherited(): Record<string, string | undefined> {
  const names = ['PATH', 'HOME', 'XDG_CACHE_HOME', 'TMPDIR', 'LANG', 'GOPROXY', 'GOFLAGS'];
  return Object.fromEntries(names.map((name) => [name, process.env[name]]));
}

function tailsOf(logDir: string): string {
  try {
    return readdirSync(logDir)
      .map((name) => {
        const lines = readFileSync(join(logDir, name), 'utf8').trimEnd().split('\n');
        return `--- ${name}\n${lines.slice(-TAIL_LINES).join('\n')}\n`;
      })
      .join('');
  } catch {
    return 'no logs were written\n';
  }
}
