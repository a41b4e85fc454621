import type { Problem } from './config-error.ts';
import { type Env, resolveFiles } from './read-env.ts';
import { settingNames, Settings } from './settings.ts';
import { suggest } from './suggest.ts';
import { zodProblems } from './zod-problems.ts';

export interface LoadedSettings {
  /** Defaults stand for what is unusable. */
  readonly settings: Settings;
  readonly unusable: ReadonlySet<string>;
}

/** Adds to `problems` what is wrong with the variables; the answer counts only without any. */
export function loadSettings(variables: Env, cwd: string, problems: Problem[]): LoadedSettings {
  const resolved = resolveFiles(variables, settingNames, cwd);
  problems.push(...resolved.problems);
  const known = [...settingNames, ...settingNames.map((name) => `${name}_FILE`)];
  for (const name of variables.keys()) {
    if (!name.startsWith('TRUNKLINE_') || known.includes(name)) continue;
    const message = `is not a setting.${suggest(name, known)}`;
    problems.push({ ...placeOf(variables, name), path: name, message });
  }
  // `NAME=` in .env and in compose files means "not set"; but an empty secret would sign anything.
  const secret = resolved.entries.get('LIVEKIT_API_SECRET');
  if (secret?.value.trim() === '') {
    const message = 'should not be empty: set the secret, or leave the variable out.';
    problems.push({
      ...placeOf(variables, 'LIVEKIT_API_SECRET'),
      path: 'LIVEKIT_API_SECRET',
      message,
    });
  }
  const given = settingNames.flatMap((name) => {
    const value = resolved.entries.get(name)?.value;
    return value === undefined || value.trim() === '' ? [] : [[name, value] as const];
  });
  const parsed = Settings.safeParse(Object.fromEntries(given));
  if (parsed.success) return { settings: parsed.data, unusable: new Set() };
  problems.push(
    ...zodProblems(Settings, parsed.error, ([name]) => placeOf(resolved.entries, String(name))),
  );
  const unusable = new Set(parsed.error.issues.map(({ path: [name] }) => String(name)));
  const usable = Object.fromEntries(given.filter(([name]) => !unusable.has(name)));
  return { settings: Settings.parse(usable), unusable };
}

/** Where a variable was set, directly or by its `_FILE`. */
export function placeOf(variables: Env, name: string): Pick<Problem, 'file' | 'line'> {
  const entry = variables.get(name) ?? variables.get(`${name}_FILE`);
  if (entry === undefined) return { file: 'environment' };
  return { file: entry.file, ...(entry.line !== undefined && { line: entry.line }) };
}
