/** Plain JavaScript for Node 20: what runs before there are packages and a Node of our own. */
import { spawn } from 'node:child_process';
import { access, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { withFileLock } from './file-lock.mjs';

/**
 * Makes `node_modules` what package-lock.json says, where it is not.
 * @param {string} root of the project
 * @param {(line: string) => void} log
 * @throws {Error} one sentence
 */
export async function installPackages(root, log) {
  if (await areInstalled(root)) return;
  await withFileLock(join(root, '.install.lock'), log, async () => {
    // Another start may have done it while we waited for the lock.
    if (await areInstalled(root)) return;
    log('installing packages (once, about a minute) …');
    const started = Date.now();
    const timer = setInterval(() => {
      log(`installing packages: ${Math.round((Date.now() - started) / 1000)} s`);
    }, 10_000);
    try {
      // Node 24 and the emulators are among them, also where NODE_ENV or npm's `omit` leaves such out.
      await npm(root, ['ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error']);
    } finally {
      clearInterval(timer);
    }
  });
}

/**
 * The Node that everything runs on: the one that the packages bring.
 * @param {string} root of the project
 * @throws {Error} one sentence
 */
export async function findNode(root) {
  const path = join(root, 'node_modules', 'node', 'bin', 'node');
  try {
    await access(path);
    return path;
  } catch {
    throw new Error(
      'Node 24 was not installed with the packages: allow install scripts ' +
        '(npm config delete ignore-scripts), delete node_modules and run this again.',
    );
  }
}

/**
 * npm leaves a copy of what it installed in node_modules/.package-lock.json, at its very end: an
 * installation that was cut off has none. Optional packages are those of other platforms.
 * @param {string} root
 */
async function areInstalled(root) {
  const wanted = await readPackages(join(root, 'package-lock.json'));
  if (!wanted) throw new Error('package-lock.json is missing: is this a whole clone?');
  const installed = await readPackages(join(root, 'node_modules', '.package-lock.json'));
  if (!installed) return false;
  return Object.entries(wanted).every(
    ([path, { version, optional, devOptional }]) =>
      path === '' || optional || devOptional || installed[path]?.version === version,
  );
}

/**
 * @typedef {{ version?: string, optional?: boolean, devOptional?: boolean }} Entry
 * @param {string} path
 * @returns {Promise<Record<string, Entry> | undefined>}
 */
async function readPackages(path) {
  try {
    return JSON.parse(await readFile(path, 'utf8')).packages;
  } catch {
    return undefined;
  }
}

/**
 * @param {string} root
 * @param {string[]} args
 * @returns {Promise<void>}
 */
function npm(root, args) {
  // Under `npm start` npm says where it is and what Node it runs on; otherwise it is on PATH.
  const { npm_execpath: path, npm_node_execpath: node } = process.env;
  const [command, first] = path && node ? [node, [path]] : ['npm', []];
  return new Promise((resolve, reject) => {
    const child = spawn(command, [...first, ...args], { cwd: root, stdio: ['ignore', 2, 2] });
    child.on('error', (error) => reject(new Error(`npm could not be run: ${error.message}`)));
    child.on('exit', (code, signal) => {
      if (code === 0) resolve();
      else reject(new Error(`npm ci failed (${signal ?? `exit code ${code}`}); see above.`));
    });
  });
}
