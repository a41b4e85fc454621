import { expect, test } from 'vitest';
import { callsCommand } from './calls.ts';
import { dbCommand } from './db.ts';

const said: string[] = [];
const terminal = {
  env: {},
  cwd: import.meta.dirname,
  say: (line: string) => said.push(line),
  print: (line: string) => said.push(line),
};

test.each([
  ['--limit abc', '--limit takes a whole number from 1, not "abc".'],
  ['--limit 0', '--limit takes a whole number from 1, not "0".'],
  ['--limit', "Option '--limit <value>' argument missing"],
  ['--limt 3', 'There is no option --limt. Did you mean "--limit"?'],
  ['--state asleep', '--state is one of initializing, ringing, '],
  ['lst', 'There is no "lst"; there is: list, show, watch.'],
  ['show', 'show takes the id of a call'],
  ['show call_1 call_2', '"call_2" is one word too many.'],
])('trunkline calls %s: says what is wrong', async (line, sentence) => {
  await expect(callsCommand({ ...terminal, args: line.split(' ') })).rejects.toThrow(sentence);
});

test.each([
  ['drop', 'There is no "drop"; there is: export, import.'],
  ['export --form x', 'There is no option --form. Did you mean "--from"?'],
  ['import --to x', 'import takes --from, not --to.'],
])('trunkline db %s: says what is wrong', async (line, sentence) => {
  await expect(dbCommand({ ...terminal, args: line.split(' ') })).rejects.toThrow(sentence);
});

test('each command explains itself', async () => {
  expect(await callsCommand({ ...terminal, args: ['--help'] })).toBe(0);
  expect(await dbCommand({ ...terminal, args: ['export', '-h'] })).toBe(0);
  expect(said).toEqual([
    expect.stringContaining('trunkline calls show <id>'),
    expect.stringContaining('trunkline db export'),
  ]);
});
