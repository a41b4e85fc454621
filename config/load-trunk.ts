import { relative } from 'node:path';
import type { Trunk } from './config.ts';
import type { Problem } from './config-error.ts';
import type { LinesFile } from './lines-file.ts';
import { readText, whyUnreadable } from './read-text.ts';
import { TrunkFile } from './trunk-file.ts';
import { trunkProfiles, type TrunkProfile } from './trunk-profiles.ts';
import { parseYaml } from './yaml-source.ts';
import { zodProblems } from './zod-problems.ts';

export interface Credentials {
  readonly username: string;
  readonly password: string;
}

/**
 * The trunk's file over its profile. Credentials of the environment stand before the file's, so
 * that a password need not sit beside the code.
 */
export function loadTrunk(
  section: LinesFile['trunk'],
  path: string | undefined,
  credentials: Credentials | undefined,
  cwd: string,
  problems: Problem[],
): Trunk | undefined {
  const info =
    path === undefined ? TrunkFile.parse({ trunk: {} }).trunk : read(path, cwd, problems);
  if (info === undefined) return undefined;
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

function read(path: string, cwd: string, problems: Problem[]): TrunkFile['trunk'] | undefined {
  const file = relative(cwd, path) || path;
  let value: unknown;
  let content: string;
  try {
    content = readText(path);
  } catch (error) {
    const message = `cannot be read (${whyUnreadable(error)}): trunk.file of lines.yaml should name it.`;
    problems.push({ file, path: '', message });
    return undefined;
  }
  // JSON is YAML, which knows the line of every value; but `lk` takes JSON only.
  const source = parseYaml(content, file);
  try {
    value = snakeCase(JSON.parse(content));
  } catch (error) {
    const [first] = source.problems;
    const message = `is not JSON: ${(error as SyntaxError).message}.`;
    problems.push({ ...(first ?? { file }), path: '', message });
    return undefined;
  }
  const parsed = TrunkFile.safeParse(value);
  if (!parsed.success) {
    problems.push(...zodProblems(TrunkFile, parsed.error, source.locate));
    return undefined;
  }
  const { trunk } = parsed.data;
  if ((trunk.auth_username === '') !== (trunk.auth_password === '')) {
    const key = trunk.auth_username === '' ? 'auth_password' : 'auth_username';
    problems.push({
      ...source.locate(['trunk', key]),
      path: `trunk.${key}`,
      message: 'stands alone: set auth_username and auth_password, or neither.',
    });
  }
  return trunk;
}

/** Protobuf's JSON has camelCase and snake_case spellings of one key, and `lk` takes both. */
function snakeCase(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || !('trunk' in value)) return value;
  const { trunk } = value;
  if (typeof trunk !== 'object' || trunk === null || Array.isArray(trunk)) return value;
  const entries = Object.entries(trunk).map(([key, inner]): [string, unknown] => [
    key.replace(/[A-Z]/g, (capital) => `_${capital.toLowerCase()}`),
    inner,
  ]);
  return { ...value, trunk: Object.fromEntries(entries) };
}
