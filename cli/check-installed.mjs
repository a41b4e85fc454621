/**
 * Goes before what `npm run` starts as TypeScript: says what is missing, in place of the stack that
 * an older Node or a missing package would end with. Plain JavaScript for any Node, without packages.
 */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Runs TypeScript as it stands, and brings SQLite. */
const NODE = 24;
const root = dirname(dirname(fileURLToPath(import.meta.url)));
const { node } = process.versions;

if (!existsSync(join(root, 'node_modules', '.package-lock.json'))) {
  fail('The packages are not installed yet: run "npm start" once, or "npm ci".');
}
if (Number(node.split('.')[0]) < NODE) {
  fail(`This needs Node ${NODE}, and here is ${node}: "npm start" installs it beside the others.`);
}

/** @param {string} sentence */
function fail(sentence) {
  process.stderr.write(`${sentence}\n`);
  process.exit(1);
}
