#!/usr/bin/env node
/**
 * Entry of `npm start`: from a clean clone under whatever Node there is to `cli/main.ts` on Node 24.
 * Plain JavaScript, without packages.
 */
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const OLDEST_NODE = 20;
/** How soon the end of npm is noticed. */
const PARENT_CHECK_MS = 500;
const root = dirname(dirname(fileURLToPath(import.meta.url)));

if (Number(process.versions.node.split('.')[0]) < OLDEST_NODE) {
  fail(`Node ${OLDEST_NODE} or newer is needed to begin with; this is ${process.versions.node}.`);
}
try {
  // Imported here, so that an older Node gets as far as the sentence above.
  const { findNode, installPackages } = await import('./install.mjs');
  await installPackages(root, (line) => process.stderr.write(`${line}\n`));
  runMain(await findNode(root));
} catch (error) {
  fail(error instanceof Error ? error.message : String(error));
}

/** @param {string} node */
function runMain(node) {
  // The channel tells main.ts of our end, should we be killed.
  const child = spawn(node, [join(root, 'cli', 'main.ts'), ...process.argv.slice(2)], {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
  });
  for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
    process.on(signal, () => child.kill(signal));
  }
  // npm does not pass SIGTERM on to what it runs: its end has to be seen.
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(watch);
    child.kill('SIGTERM');
  }, PARENT_CHECK_MS);
  watch.unref();
  child.on('error', (error) => fail(error.message));
  child.on('exit', (code, signal) => {
    process.exitCode = code ?? 128 + (signal ? constants.signals[signal] : 0);
  });
}

/** @param {string} sentence @returns {never} */
function fail(sentence) {
  process.stderr.write(`${sentence}\n`);
  process.exit(1);
}
