/** What an assignment says. */
interface Assignment {
  readonly name: string;
  readonly value: string;
  /** From 1: where it begins. */
  readonly line: number;
}

/** Never with what stands there, which may be a secret. */
interface LineProblem {
  readonly line: number;
  readonly message: string;
}

const BLANK = /^\s*(?:#.*)?$/;
const ASSIGNMENT = /^\s*(?:export\s+)?([\w.-]+)\s*=\s*(.*)$/s;
/** A name in capitals: the beginning of another setting. */
const SETTING = /^\s*(?:export\s+)?[A-Z][A-Z0-9_]{2,}=[^=]/m;

/**
 * Reads a `.env` as Docker Compose reads the same file: `NAME=value`, the value as it stands or in
 * quotes, over several lines if need be; a comment begins with `#` after a blank. Node's `parseEnv`
 * skips what it cannot read without a word, and cuts an unquoted value at any `#`.
 */
export function parseDotEnv(text: string): {
  readonly assignments: readonly Assignment[];
  readonly problems: readonly LineProblem[];
} {
  const lines = text.split(/\r?\n/);
  const assignments: Assignment[] = [];
  const problems: LineProblem[] = [];
  for (let index = 0; index < lines.length; index += 1) {
    const first = lines[index] ?? '';
    if (BLANK.test(first)) continue;
    const line = index + 1;
    const [, name, rest = ''] = ASSIGNMENT.exec(first) ?? [];
    if (name === undefined) {
      problems.push({ line, message: 'should be NAME=value, or a comment after #.' });
      continue;
    }
    const quote = /^["'`]/.exec(rest)?.[0];
    if (quote === undefined) {
      assignments.push({ name, value: unquoted(rest), line });
      continue;
    }
    const after = [rest.slice(1), ...lines.slice(index + 1)].join('\n');
    const end = after.indexOf(quote);
    const value = after.slice(0, end);
    const behind = /^.*/.exec(after.slice(end + 1))?.[0] ?? '';
    if (end < 0 || !BLANK.test(behind) || SETTING.test(value.replace(/^.*\n?/, ''))) {
      problems.push({
        line,
        message: `${name} begins with a quote (${quote}) that ends nowhere, or too late.`,
      });
      continue;
    }
    assignments.push({ name, value: quote === '"' ? value.replaceAll('\\n', '\n') : value, line });
    index += value.split('\n').length - 1;
  }
  return { assignments, problems };
}

function unquoted(rest: string): string {
  return rest.replace(/\s#.*$/s, '').trim();
}
