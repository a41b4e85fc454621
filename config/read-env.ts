import { join, resolve } from 'node:path';
import { ConfigError, type Problem } from './config-error.ts';
import { parseDotEnv } from './parse-dot-env.ts';
import { readText, whyUnreadable } from './read-text.ts';

/** A variable's value and where it was set, so that a problem can name the place. */
interface EnvEntry {
  readonly value: string;
  /** `environment`, or the file of the working folder. */
  readonly file: string;
  readonly line?: number;
}

export type Env = ReadonlyMap<string, EnvEntry>;

export interface EnvInput {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
}

/** The later one wins; `lk app env -w` writes `.env.local`. */
const DOT_ENV_FILES = ['.env', '.env.local'];

/**
 * The process environment over `.env.local` over `.env`, both of the working folder.
 *
 * @throws {ConfigError} when there is one that cannot be read, or lines in it that say nothing
 */
export function readEnv({ env, cwd }: EnvInput): Env {
  const entries = new Map<string, EnvEntry>(DOT_ENV_FILES.flatMap((file) => readDotEnv(cwd, file)));
  for (const [name, value] of Object.entries(env)) {
    if (value !== undefined) entries.set(name, { value, file: 'environment' });
  }
  return entries;
}

/** It has our settings only, where the environment has other programs' as well. */
export function isDotEnv({ file }: Pick<EnvEntry, 'file'>): boolean {
  return DOT_ENV_FILES.includes(file);
}

function readDotEnv(cwd: string, file: string): [string, EnvEntry][] {
  let text: string;
  try {
    text = readText(join(cwd, file));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    const message = `cannot be read (${whyUnreadable(error)}).`;
    throw new ConfigError([{ file, path: '', message }]);
  }
  const { assignments, problems } = parseDotEnv(text);
  if (problems.length > 0) {
    throw new ConfigError(problems.map((problem) => ({ file, path: '', ...problem })));
  }
  // The last assignment is the one that holds.
  return assignments.map(({ name, value, line }) => [name, { value, file, line }]);
}

/**
 * Replaces `NAME_FILE` by `NAME` with the file's content (Docker and Kubernetes secrets), for the
 * names given. Only the line end that editors add is dropped from the content.
 */
export function resolveFiles(
  env: Env,
  names: readonly string[],
  cwd: string,
): { entries: Env; problems: Problem[] } {
  const entries = new Map(env);
  const problems: Problem[] = [];
  for (const name of names) {
    const fileName = `${name}_FILE`;
    const pointer = env.get(fileName);
    entries.delete(fileName);
    if (pointer === undefined || pointer.value === '') continue;
    const { value: path, ...place } = pointer;
    const direct = env.get(name);
    if (direct !== undefined && direct.value !== '') {
      problems.push({ ...place, path: fileName, message: `is set and so is ${name}: unset one.` });
      continue;
    }
    try {
      const value = readText(resolve(cwd, path)).replace(/\r?\n$/, '');
      entries.set(name, { ...place, value });
    } catch (error) {
      const reason = whyUnreadable(error);
      problems.push({
        ...place,
        path: fileName,
        message: `should name a file that can be read; ${path}: ${reason}.`,
      });
    }
  }
  return { entries, problems };
}
