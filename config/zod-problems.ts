import { z } from 'zod';
import type { Problem } from './config-error.ts';
import { suggest } from './suggest.ts';

type Locate = (path: readonly PropertyKey[]) => Pick<Problem, 'file' | 'line' | 'column'>;

/** Zod's issues as problems at their lines; an unknown key is one problem each, with a suggestion. */
export function zodProblems(schema: z.ZodType, error: z.ZodError, locate: Locate): Problem[] {
  return error.issues.flatMap((issue) => {
    if (issue.code !== 'unrecognized_keys') {
      const { path, message } = issue;
      return [{ ...locate(path), path: spell(path), message: `${message}.` }];
    }
    const known = keysAt(schema, issue.path);
    return issue.keys.map((key) => ({
      ...locate([...issue.path, key]),
      path: spell([...issue.path, key]),
      message: `is not a setting.${suggest(key, known) || ` Known here: ${known.join(', ')}.`}`,
    }));
  });
}

/** `lines.main.numbers[0]` */
export function spell(path: readonly PropertyKey[]): string {
  return path
    .map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`))
    .join('')
    .replace(/^\./, '');
}

function keysAt(schema: z.ZodType, path: readonly PropertyKey[]): string[] {
  let here: unknown = unwrap(schema);
  for (const segment of path) {
    if (here instanceof z.ZodObject) here = here.shape[String(segment)];
    else if (here instanceof z.ZodRecord) here = here.valueType;
    else if (here instanceof z.ZodArray) here = here.element;
    here = unwrap(here);
  }
  return keysOf(here);
}

export function keysOf(schema: unknown): string[] {
  return schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
}

export function unwrap(schema: unknown): unknown {
  if (schema instanceof z.ZodPipe) return unwrap(schema.in);
  if (
    schema instanceof z.ZodOptional ||
    schema instanceof z.ZodDefault ||
    schema instanceof z.ZodPrefault
  ) {
    return unwrap(schema.unwrap());
  }
  return schema;
}
