import { relative } from 'node:path';
import { unsupported } from './built-in-sip.ts';
import type { Trunk } from './config.ts';
import type { Problem } from './config-error.ts';
import { LinesFile } from './lines-file.ts';
import type { LoadedLines } from './load-lines.ts';
import { readText, whyUnreadable } from './read-text.ts';
import { TrunkFile } from './trunk-file.ts';
import { trunkProfiles, type TrunkProfile } from './trunk-profiles.ts';
import { parseYaml } from './yaml-source.ts';
import { spell, zodProblems } from './zod-problems.ts';

/** Longer than this, 24 days, no timer runs. */
const MAX_TIMER_MS = 2 ** 31 - 1;

export interface Credentials {
  readonly username: string;
  readonly password: string;
}

/**
 * The trunk's file over its profile; defaults stand for what is unusable in it. Credentials of the
 * environment stand before the file's, so that a password need not sit beside the code.
 *
 * @param builtInSip the built-in endpoint is to take its calls: what it cannot do is a problem
 */
export function loadTrunk(
  { trunk: section = LinesFile.shape.trunk.parse(undefined), trunkFile: path }: LoadedLines,
  credentials: Credentials | undefined,
  cwd: string,
  problems: Problem[],
  builtInSip: boolean,
): Trunk {
  const info = path === undefined ? usable({}) : read(path, cwd, problems, builtInSip);
  const profile: TrunkProfile = trunkProfiles[section.profile];
  const { auth_username: username, auth_password: password } = info;
  const calledNumberHeader = section.calledNumberHeader ?? profile.calledNumberHeader;
  const headersToAttributes = { ...profile.headersToAttributes, ...info.headers_to_attributes };
  return {
    name: info.name,
    profile: section.profile,
    numbers: info.numbers,
    allowedAddresses: info.allowed_addresses,
    allowedNumbers: info.allowed_numbers,
    auth: credentials ?? (username === '' ? undefined : { username, password }),
    realm: info.auth_realm || undefined,
    ringingTimeoutMs: milliseconds(info.ringing_timeout),
    maxCallMs: milliseconds(info.max_call_duration),
    calledNumberHeader,
    headersToAttributes,
    calledNumberAttribute: attributeOf(headersToAttributes, calledNumberHeader),
    country: section.country ?? profile.country,
    codecs: section.codecs ?? profile.codecs,
  };
}

/** Header names are the same in capitals and without; the file stands behind the profile. */
function attributeOf(
  headersToAttributes: Trunk['headersToAttributes'],
  header: string | undefined,
): string | undefined {
  const wanted = header?.toLowerCase();
  const entries = Object.entries(headersToAttributes);
  return entries.findLast(([name]) => name.toLowerCase() === wanted)?.[1];
}

/** Of a protobuf duration, `12s`; zero is none. */
function milliseconds(duration: string | undefined): number | undefined {
  const value = Math.round(Number.parseFloat(duration ?? '0') * 1_000);
  return value === 0 ? undefined : Math.min(value, MAX_TIMER_MS);
}

function read(
  path: string,
  cwd: string,
  problems: Problem[],
  builtInSip: boolean,
): TrunkFile['trunk'] {
  const file = relative(cwd, path) || path;
  let value: unknown;
  let content: string;
  try {
    content = readText(path);
  } catch (error) {
    const message = `cannot be read (${whyUnreadable(error)}): trunk.file of lines.yaml should name it.`;
    problems.push({ file, path: '', message });
    return usable({});
  }
  // JSON is YAML, which knows the line of every value; but `lk` takes JSON only.
  const source = parseYaml(content, file);
  let written: unknown;
  try {
    written = JSON.parse(content);
    value = snakeCase(written);
  } catch (error) {
    const [first] = source.problems;
    // What stands there may be a secret, and V8 repeats it.
    const why = (error as SyntaxError).message.replace(/, (?:\.{3})?".*$/s, '');
    const message = `is not JSON: ${why}.`;
    problems.push({ ...(first ?? { file }), path: '', message });
    return usable({});
  }
  const locate = (path: readonly PropertyKey[]) => source.locate(asWritten(path, written));
  const parsed = TrunkFile.safeParse(value);
  if (!parsed.success) {
    problems.push(...zodProblems(TrunkFile, parsed.error, locate));
    return usable(value);
  }
  for (const { path, message } of builtInSip ? unsupported(parsed.data) : []) {
    problems.push({ ...locate(path), path: spell(path), message });
  }
  const { trunk } = parsed.data;
  if ((trunk.auth_username === '') !== (trunk.auth_password === '')) {
    const key = trunk.auth_username === '' ? 'auth_password' : 'auth_username';
    problems.push({
      ...locate(['trunk', key]),
      path: `trunk.${key}`,
      message: 'stands alone: set auth_username and auth_password, or neither.',
    });
  }
  return trunk;
}

/** Of a file in which something is wrong: the fields that are not. */
function usable(file: unknown): TrunkFile['trunk'] {
  const { shape } = TrunkFile.shape.trunk;
  const fields = Object.entries(keysOf(keysOf(file, same)?.['trunk'], same) ?? {});
  const right = fields.filter(
    ([key, value]) => key in shape && shape[key as keyof typeof shape].safeParse(value).success,
  );
  return TrunkFile.parse({ trunk: Object.fromEntries(right) }).trunk;
}

const same = (key: string) => key;

/** Protobuf's JSON has camelCase and snake_case spellings of one key, and `lk` takes both. */
function snakeCase(value: unknown): unknown {
  const file = keysOf(value, same);
  const trunk = keysOf(file?.['trunk'], snake);
  if (!file || !trunk) return value;
  const media = keysOf(trunk['media'], snake);
  return { ...file, trunk: { ...trunk, ...(media && { media }) } };
}

/** Undefined for what is no object. */
function keysOf(
  value: unknown,
  rename: (key: string) => string,
): Record<string, unknown> | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [rename(key), inner]));
}

function snake(key: string): string {
  return key.replace(/[A-Z]/g, (capital) => `_${capital.toLowerCase()}`);
}

/** The path in the spelling that the file has. */
function asWritten(path: readonly PropertyKey[], written: unknown): PropertyKey[] {
  let here = written;
  return path.map((segment) => {
    const keys = typeof here === 'object' && here !== null ? Object.keys(here) : [];
    const name = String(segment);
    const key = keys.includes(name) ? name : (keys.find((key) => snake(key) === name) ?? name);
    here = (here as Record<string, unknown> | undefined)?.[key];
    return typeof segment === 'number' ? segment : key;
  });
}
