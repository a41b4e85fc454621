import { z } from 'zod';
import type { Problem } from './config-error.ts';
import { LinesFile } from './lines-file.ts';
import type { YamlSource } from './yaml-source.ts';
import { keysOf, spell, unwrap } from './zod-problems.ts';

const KNOWN: ReadonlySet<PropertyKey> = new Set(allKeys(LinesFile));

/**
 * What a wrong indent did to `lines.yaml`: a setting that is one elsewhere, or a name with nothing
 * beneath it. The first of them, since everything else that is wrong then may follow from it.
 */
export function findMisplaced(error: z.ZodError, source: YamlSource): Problem | undefined {
  const found = error.issues.flatMap((issue): Problem[] => {
    const { path } = issue;
    const report = (at: readonly PropertyKey[], message: string) => ({
      ...source.locate(at),
      path: spell(at),
      message,
    });
    const elsewhere = 'belongs elsewhere: look at its indent.';
    if (issue.code === 'unrecognized_keys') {
      const misplaced = issue.keys.filter((key) => KNOWN.has(key));
      return misplaced.map((key) => report([...path, key], elsewhere));
    }
    // Agents and lines have names of their own; one of a setting that does not fit is a setting.
    const [section, name] = path;
    if ((section === 'agents' || section === 'lines') && name !== undefined && KNOWN.has(name)) {
      return [report([section, name], elsewhere)];
    }
    if (path.length === 0 || valueAt(source.value, path) !== null) return [];
    return [report(path, 'has nothing beneath it: look at the indent of what follows.')];
  });
  return found.sort((a, b) => (a.line ?? 0) - (b.line ?? 0))[0];
}

function allKeys(schema: unknown): string[] {
  const here = unwrap(schema);
  if (here instanceof z.ZodRecord) return allKeys(here.valueType);
  if (!(here instanceof z.ZodObject)) return [];
  return [...keysOf(here), ...Object.values(here.shape).flatMap(allKeys)];
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (here, key) => (here as Record<PropertyKey, unknown> | null | undefined)?.[key],
    value,
  );
}
