/**
 * Fields of the configuration whose faults read as "should be …": what is right comes first, what
 * stands there is left to the reader's eye, since it may be a secret.
 */
import { z } from 'zod';

/** What a field should be, said of a missing one and of a wrong one. */
export function shouldBe(what: string): { error: (issue: { input?: unknown }) => string } {
  return {
    error: ({ input }) =>
      input === undefined ? `is missing: it should be ${what}` : `should be ${what}`,
  };
}

export function text(what: string) {
  return z.string(shouldBe(what)).trim().min(1, shouldBe(what));
}

export function integer(min: number, max: number, unit: string) {
  const what = `a whole number of ${unit} from ${min} to ${max}`;
  return z.int(shouldBe(what)).min(min, shouldBe(what)).max(max, shouldBe(what));
}

export function flag() {
  return z.boolean(shouldBe('true or false'));
}

export function oneOf<const T extends readonly [string, ...string[]]>(values: T) {
  return z.enum(values, shouldBe(values.join(' or ')));
}

/** A variable that holds a whole number. */
export function integerText(min: number, max: number, unit: string) {
  const what = `a whole number of ${unit} from ${min} to ${max}`;
  return z
    .string()
    .trim()
    .regex(/^\d{1,9}$/, shouldBe(what))
    .transform(Number)
    .pipe(integer(min, max, unit));
}

export function port() {
  const what = 'a port from 1 to 65535';
  return z
    .string()
    .trim()
    .regex(/^\d{1,5}$/, shouldBe(what))
    .transform(Number)
    .pipe(z.int(shouldBe(what)).min(1, shouldBe(what)).max(65_535, shouldBe(what)));
}

/** An absolute URL with one of the schemes; without the slash at its end. */
export function url(schemes: readonly string[], example: string) {
  const what = `a URL such as ${example}`;
  return z
    .string()
    .trim()
    .refine(
      (value) => URL.canParse(value) && schemes.includes(new URL(value).protocol.slice(0, -1)),
      shouldBe(what),
    )
    .transform((value) => value.replace(/\/+$/, ''));
}

/**
 * Items between commas, blanks around them dropped.
 *
 * @param name how one that is wrong is told: as it stands, unless it may be a secret
 */
export function listOf(
  isRight: (item: string) => boolean,
  what: string,
  name: (item: string, place: number) => string = (item) => JSON.stringify(item),
) {
  return z
    .string()
    .transform((value) =>
      value
        .split(',')
        .map((item) => item.trim())
        .filter((item) => item !== ''),
    )
    .superRefine((items, context) => {
      const wrong = items.flatMap((item, index) => (isRight(item) ? [] : [name(item, index + 1)]));
      if (wrong.length === 0) return;
      const verb = wrong.length === 1 ? 'is' : 'are';
      context.addIssue(`should be ${what} between commas; ${wrong.join(', ')} ${verb} none`);
    });
}
