import { TrunklineError, createClient } from '../client/index.ts';
import type { TrunklineClient } from '../client/index.ts';
import { loadConfig } from '../config/load-config.ts';
import { apiKeyOf } from './secrets.ts';

/** A command that asks the call service. */
export interface ApiCommand {
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  /** For the person at the terminal. */
  readonly say: (line: string) => void;
  /** For whatever reads the output. */
  readonly print: (line: string) => void;
}

export const API_OPTIONS = {
  url: { type: 'string' },
  key: { type: 'string' },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
} as const;

export const API_USAGE = `  --json                       one JSON object per line
  --url <url>, --key <key>     of another call service; without them: the configured one.
                               Other users of this machine can see a key that is typed here.`;

export function connect(
  { env, cwd }: Pick<ApiCommand, 'env' | 'cwd'>,
  url?: string,
  key?: string,
): TrunklineClient {
  if (url !== undefined && key !== undefined) return createClient({ url, apiKey: key });
  const config = loadConfig({ env, cwd, uses: ['callServiceUrl', 'apiKeys', 'dataDir'] });
  return createClient({
    url: url ?? config.callServiceUrl,
    apiKey: key ?? apiKeyOf(config),
  });
}

/** A line of a table in one line of the terminal; as it is for whatever else reads it. */
export function fit(
  line: string,
  { isTTY, columns }: Pick<NodeJS.WriteStream, 'isTTY' | 'columns'> = process.stdout,
): string {
  if (!isTTY || line.length <= columns) return line;
  return `${line.slice(0, Math.max(0, columns - 1))}…`;
}

/** What a person has to know of it. */
export function explain(error: unknown): string {
  if (error instanceof TrunklineError) {
    const details = (error.problem.errors ?? []).map(
      ({ path, message }) => `  ${path}: ${message}`,
    );
    return [error.message, ...details].join('\n');
  }
  if (!(error instanceof Error)) return String(error);
  return error.message === 'fetch failed' ? 'The call service does not answer.' : error.message;
}
