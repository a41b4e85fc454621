import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { replaceFigures, toMarkdown } from './report.ts';
import { summarise } from './summary.ts';

test('the figures replace the former ones in the document, and nothing else', async () => {
  const document = await readFile(new URL('../docs/benchmarks.md', import.meta.url), 'utf8');
  const once = replaceFigures(document, 'first');
  const twice = replaceFigures(once, 'second');
  expect(twice).toContain('\n\nsecond\n\n');
  expect(twice).not.toContain('first\n');
  expect(replaceFigures(twice, 'first')).toBe(once);
  expect(() => replaceFigures('# No markers', 'x')).toThrow('no place');
});

test('a run without a single answer is still a table', () => {
  const summary = summarise([], 450);
  const markdown = toMarkdown(
    [{ system: 'stock', calls: 10, summary, processes: [], othersCores: 0 }],
    {
      machine: '2 cores',
      command: 'npm run bench',
      endpointingMs: 300,
      delays: { stt: 50, llm: 50, tts: 50 },
      spacingMs: 100,
      maxCalls: 10,
    },
  );
  expect(markdown).toContain('400 ms are taken off');
  expect(markdown).toMatch(
    /^\| stock worker, its defaults \| 10 \| 0 \/ 0 \/ 0 \/ 0 \/ 0 of 0 \|/m,
  );
  expect(markdown).not.toContain('NaN');
});
