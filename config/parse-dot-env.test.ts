import { expect, test } from 'vitest';
import { parseDotEnv } from './parse-dot-env.ts';

/** Name to value, and `line: message` of what is wrong. */
function read(text: string) {
  const { assignments, problems } = parseDotEnv(text);
  return {
    values: Object.fromEntries(assignments.map(({ name, value }) => [name, value])),
    problems: problems.map(({ line, message }) => `${line}: ${message}`),
  };
}

test.each([
  ['A=1', '1'],
  ['  export A = x y  ', 'x y'],
  ['A=', ''],
  ['A=x # why', 'x'],
  ['A=pass#word', 'pass#word'],
  ["A=it's", "it's"],
  ['A="x # y"  # why', 'x # y'],
  [String.raw`A="a\nb"`, 'a\nb'],
  [String.raw`A='a\nb'`, String.raw`a\nb`],
  ['A="-----BEGIN-----\nMIIB\nAB==\n-----END-----"', '-----BEGIN-----\nMIIB\nAB==\n-----END-----'],
  ['A=1\nA=2', '2'],
])('%j', (text, value) => {
  expect(read(`# settings\n\n${text}\r\n`)).toEqual({ values: { A: value }, problems: [] });
});

const NO_ASSIGNMENT = 'should be NAME=value, or a comment after #.';
const OPEN = (quote: string) => `A begins with a quote (${quote}) that ends nowhere, or too late.`;

test.each([
  ['garbage', `2: ${NO_ASSIGNMENT}`],
  ['A: 1', `2: ${NO_ASSIGNMENT}`],
  ['=1', `2: ${NO_ASSIGNMENT}`],
  ['A="x', `2: ${OPEN('"')}`],
  ["A='x", `2: ${OPEN("'")}`],
  ['A="x"y', `2: ${OPEN('"')}`],
  ['A="x\nTRUNKLINE_HTTP_PORT="8090"', `2: ${OPEN('"')}`],
  ['A="x\nTRUNKLINE_HTTP_PORT=8090"', `2: ${OPEN('"')}`],
])('%j is not passed over', (text, problem) => {
  expect(read(`OTHER=1\n${text}\n`).problems).toEqual([problem]);
});

test('every problem is told, and lines are counted over quotes', () => {
  const { values, problems } = read('A="a\nb"\nno\nB=1\nnor this');
  expect(values).toEqual({ A: 'a\nb', B: '1' });
  expect(problems).toEqual([`3: ${NO_ASSIGNMENT}`, `5: ${NO_ASSIGNMENT}`]);
});
