import { parseArgs } from 'node:util';
import type { ParseArgsConfig } from 'node:util';
import { suggest } from './suggest.ts';

type Options = NonNullable<ParseArgsConfig['options']>;

/** What was typed makes no sense; the message says what does, in a sentence. */
export class UsageError extends Error {}

/**
 * Reads the arguments of a command.
 *
 * @param positionals how many words may stand beside the options
 * @throws {UsageError}
 * @example readArguments(['--limit', '5'], { limit: { type: 'string' } }).values.limit; // '5'
 */
export function readArguments<const T extends Options>(
  args: readonly string[],
  options: T,
  positionals = 0,
) {
  const config = { args: [...args], options, allowPositionals: true } as const;
  const { tokens } = parseArgs({ ...config, strict: false, tokens: true });
  for (const token of tokens) {
    if (token.kind === 'option' && !Object.hasOwn(options, token.name)) {
      const known = Object.keys(options).map((name) => `--${name}`);
      const hint = suggest(token.rawName, known) || ` There is ${known.join(', ')}.`;
      throw new UsageError(`There is no option ${token.rawName}.${hint}`);
    }
  }
  try {
    const read = parseArgs(config);
    const extra = read.positionals[positionals];
    if (extra !== undefined) throw new UsageError(`"${extra}" is one word too many.`);
    return read;
  } catch (error) {
    if (error instanceof UsageError) throw error;
    const [sentence = ''] = (error as Error).message.split('\n');
    throw new UsageError(sentence, { cause: error });
  }
}

/**
 * @throws {UsageError} naming the option
 *
 * @example readCount('limit', '5'); // 5
 */
export function readCount(option: string, text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new UsageError(`--${option} takes a whole number from 1, not ${JSON.stringify(text)}.`);
}
