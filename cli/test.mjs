/**
 * Entry of `npm test`: sets up what the tests need, runs them, and closes with a plain count.
 * `--setup` stops after the set-up; other arguments go to vitest.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findNode, installPackages } from './install.mjs';
import { installTools } from './test-setup.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const args = process.argv.slice(2);
/** @param {string} line */
const say = (line) => process.stderr.write(`${line}\n`);

try {
  await installPackages(root, say);
  installTools(say);
  const node = await findNode(root);
  run(node, [join(root, 'cli', 'main.ts'), 'livekit-server']);
  // Before the tests, which run side by side and would all build it.
  run(node, [join(root, 'cli', 'build-desk.ts')]);
  if (!args.includes('--setup')) process.exitCode = runTests(node);
} catch (error) {
  say(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}

/** @param {string} node */
function runTests(node) {
  const folder = mkdtempSync(join(tmpdir(), 'trunkline-test-'));
  const report = join(folder, 'report.json');
  try {
    const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
    const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
    const status = spawnSync(node, [vitest, 'run', ...reporters, ...args], {
      cwd: root,
      stdio: ['ignore', 'inherit', 'inherit'],
    }).status;
    const { numPassedTests, numFailedTests } = JSON.parse(readFileSync(report, 'utf8'));
    // For machines that count: vitest's own line comes with colours and columns.
    process.stdout.write(`\n${numPassedTests} passed, ${numFailedTests} failed\n`);
    return status ?? 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** @param {string} command @param {string[]} args */
function run(command, args) {
  const { status } = spawnSync(command, args, {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  if (status !== 0) throw new Error('The set-up of the tests failed; see above.');
}
