import {
  type Document,
  type ErrorCode,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  visit,
  type YAMLError,
} from 'yaml';
import type { Problem } from './config-error.ts';

/** A parsed file that knows on which line each of its values stands. */
export interface YamlSource {
  readonly value: unknown;
  /** Faults of syntax; the value is then not to be used. */
  readonly problems: readonly Problem[];
  /** Where a path stands, or the nearest of its parents that is there. */
  readonly locate: (path: readonly PropertyKey[]) => Pick<Problem, 'file' | 'line' | 'column'>;
}

const MISFIT =
  'this does not fit what is around it: look for a wrong indent, a text with a colon that needs quotes, a quote that does not end.';
/** What YAML's parser says in its own terms. */
const SENTENCES: Partial<Record<ErrorCode, string>> = {
  BAD_ALIAS: "a star has to stand in quotes: '*'.",
  BAD_INDENT: 'this does not fit the indent of what is around it.',
  UNEXPECTED_TOKEN: MISFIT,
  MULTILINE_IMPLICIT_KEY: MISFIT,
  BLOCK_AS_IMPLICIT_KEY: MISFIT,
  DUPLICATE_KEY: 'this stands here twice.',
};
/** Each of these is a fault by itself; of the others the first makes the next. */
const ALONE: ReadonlySet<ErrorCode> = new Set(['BAD_ALIAS', 'DUPLICATE_KEY']);

function firstFaults(errors: readonly YAMLError[]): YAMLError[] {
  const ordered = errors.toSorted((a, b) => a.pos[0] - b.pos[0]);
  const first = ordered.find(({ code }) => !ALONE.has(code));
  return first === undefined ? ordered : [first];
}

/** Parses YAML 1.2, and so JSON too. */
export function parseYaml(text: string, file: string): YamlSource {
  const lineCounter = new LineCounter();
  const document = parseDocument(text, { lineCounter, prettyErrors: false });
  const place = (offset: number) => {
    const { line, col } = lineCounter.linePos(offset);
    return { file, line, column: col };
  };
  const problems = firstFaults(document.errors).map(({ code, message, pos }) =>
    code === 'MISSING_CHAR' && message.includes('quote')
      ? { ...place(lastQuote(document)), path: '', message: 'this quote ends nowhere.' }
      : { ...place(pos[0]), path: '', message: SENTENCES[code] ?? `${message}.` },
  );
  let value: unknown;
  try {
    if (problems.length === 0) value = document.toJS();
  } catch (error) {
    // Of aliases: one without its anchor, or too many.
    problems.push({ ...place(0), path: '', message: `${(error as Error).message}.` });
  }
  return {
    value,
    problems,
    locate: (path) => place(offsetOf(document, path)),
  };
}

/** Where the last text in quotes begins: one that does not end reaches to the file's end. */
function lastQuote(document: Document.Parsed): number {
  let offset = 0;
  visit(document, {
    Scalar(_key, { type, range }) {
      if (type?.startsWith('QUOTE')) offset = range?.[0] ?? offset;
    },
  });
  return offset;
}

function offsetOf(document: Document.Parsed, path: readonly PropertyKey[]): number {
  let node: unknown = document.contents;
  let offset = document.contents?.range[0] ?? 0;
  for (const segment of path) {
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === segment);
      if (pair === undefined) return offset;
      offset = isScalar(pair.key) ? (pair.key.range?.[0] ?? offset) : offset;
      node = pair.value;
    } else if (isSeq(node)) {
      const item: unknown = node.items[Number(segment)];
      if (!isScalar(item) && !isMap(item) && !isSeq(item)) return offset;
      offset = item.range?.[0] ?? offset;
      node = item;
    } else {
      return offset;
    }
  }
  return offset;
}
