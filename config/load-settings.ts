import type { Problem } from './config-error.ts';
import { type Env, isDotEnv, resolveFiles } from './read-env.ts';
import { ALIASES, arrange, partOf, settingNames, Variables } from './settings.ts';
import type { Settings } from './settings.ts';
import { almost, suggest } from './suggest.ts';
import { zodProblems } from './zod-problems.ts';

/** livekit-server's own, which a `.env` may be shared with. */
const OF_OTHERS = new Set(['LIVEKIT_KEYS']);

export interface LoadedSettings {
  /** Defaults stand for what is unusable. */
  readonly settings: Settings;
  readonly unusable: ReadonlySet<string>;
}

/** Adds to `problems` what is wrong with the variables; defaults stand for what is. */
export function loadSettings(given: Env, cwd: string, problems: Problem[]): LoadedSettings {
  const variables = withoutAliases(given);
  const resolved = resolveFiles(variables, settingNames, cwd);
  problems.push(
    ...resolved.problems.map((problem) => ({ ...problem, part: partOf(problem.path) })),
  );
  const known = [...settingNames, ...settingNames.map((name) => `${name}_FILE`)];
  for (const name of variables.keys()) {
    if (!name.startsWith('TRUNKLINE_') || known.includes(name)) continue;
    const message = `is not a setting.${suggest(name, known)}`;
    problems.push({ ...placeOf(variables, name), path: name, message });
  }
  const unset = known.filter((name) => !resolved.entries.get(name)?.value);
  for (const [name, entry] of variables) {
    const { value } = entry;
    // The environment has other programs' variables; `.env` is written for us.
    if (!isDotEnv(entry) || value === '' || name.startsWith('TRUNKLINE_')) continue;
    if (OF_OTHERS.has(name)) continue;
    const meant = known.includes(name) ? undefined : almost(name, unset);
    if (meant === undefined) continue;
    const message = `is not a setting. Did you mean "${meant}"?`;
    problems.push({ ...placeOf(variables, name), path: name, message, part: partOf(meant) });
  }
  // `NAME=` in .env and in compose files means "not set"; but an empty secret would sign anything.
  const secret = resolved.entries.get('LIVEKIT_API_SECRET');
  if (secret?.value.trim() === '') {
    const message = 'should not be empty: set the secret, or leave the variable out.';
    problems.push({
      ...placeOf(variables, 'LIVEKIT_API_SECRET'),
      path: 'LIVEKIT_API_SECRET',
      message,
      part: 'livekit',
    });
  }
  const set = settingNames.flatMap((name) => {
    const value = resolved.entries.get(name)?.value;
    return value === undefined || value.trim() === '' ? [] : [[name, value] as const];
  });
  const parsed = Variables.safeParse(Object.fromEntries(set));
  if (parsed.success) return { settings: arrange(parsed.data), unusable: new Set() };
  const found = zodProblems(Variables, parsed.error, ([name]) =>
    placeOf(resolved.entries, String(name)),
  );
  problems.push(...found.map((problem) => ({ ...problem, part: partOf(problem.path) })));
  const unusable = new Set(found.map(({ path }) => path));
  const usable = Object.fromEntries(set.filter(([name]) => !unusable.has(name)));
  return { settings: arrange(Variables.parse(usable)), unusable };
}

/** With our names in the place of LiveKit's; a problem names ours, at the line of theirs. */
function withoutAliases(given: Env): Env {
  const variables = new Map(given);
  for (const [alias, name] of Object.entries(ALIASES)) {
    const entry = variables.get(alias);
    variables.delete(alias);
    const own = [name, `${name}_FILE`].some((one) => Boolean(variables.get(one)?.value));
    if (entry !== undefined && !own) variables.set(name, entry);
  }
  return variables;
}

/** Where a variable was set, directly or by its `_FILE`. */
export function placeOf(variables: Env, name: string): Pick<Problem, 'file' | 'line'> {
  const entry = variables.get(name) ?? variables.get(`${name}_FILE`);
  if (entry === undefined) return { file: 'environment' };
  return { file: entry.file, ...(entry.line !== undefined && { line: entry.line }) };
}
