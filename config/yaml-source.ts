import { type Document, isMap, isScalar, isSeq, LineCounter, parseDocument } from 'yaml';
import type { Problem } from './config-error.ts';

/** A parsed file that knows on which line each of its values stands. */
export interface YamlSource {
  readonly value: unknown;
  /** Faults of syntax; the value is then not to be used. */
  readonly problems: readonly Problem[];
  /** Where a path stands, or the nearest of its parents that is there. */
  readonly locate: (path: readonly PropertyKey[]) => Pick<Problem, 'file' | 'line' | 'column'>;
}

/** Parses YAML 1.2, and so JSON too. */
export function parseYaml(text: string, file: string): YamlSource {
  const lineCounter = new LineCounter();
  const document = parseDocument(text, { lineCounter, prettyErrors: false });
  const place = (offset: number) => {
    const { line, col } = lineCounter.linePos(offset);
    return { file, line, column: col };
  };
  const problems = document.errors.map(({ code, message, pos }) => ({
    ...place(pos[0]),
    path: '',
    message: code === 'BAD_ALIAS' ? "a star has to stand in quotes: '*'." : `${message}.`,
  }));
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
