/** What the tests need beyond npm's packages. Plain JavaScript for Node 20, without packages. */
import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Program -> Debian package. */
const tools = {
  sipp: 'sip-tester',
  baresip: 'baresip-core',
  sox: 'sox',
  'espeak-ng': 'espeak-ng',
  'redis-server': 'redis-server',
  chromium: 'chromium',
  prometheus: 'prometheus',
  'prometheus-alertmanager': 'prometheus-alertmanager',
};

/**
 * Installs the Debian packages that are missing, where this is root on a Debian; otherwise says
 * which they are.
 * @param {(line: string) => void} log
 * @throws {Error} the list
 */
export function installTools(log) {
  const packages = missing();
  if (packages.length === 0) return;
  const list = packages.join(' ');
  if (process.getuid?.() === 0 && isOnPath('apt-get')) {
    log(`installing Debian packages: ${list} …`);
    aptGet(['update', '-qq']);
    aptGet(['install', '-qq', '-y', '--no-install-recommends', ...packages]);
    if (missing().length === 0) return;
  }
  throw new Error(
    `The tests need programs that are missing here. On Debian or Ubuntu: ` +
      `sudo apt-get install ${missing().join(' ')}\n` +
      `(npm run check needs none of them.)`,
  );
}

function missing() {
  return Object.entries(tools)
    .filter(([program]) => !isOnPath(program))
    .map(([, name]) => name);
}

/** @param {string} program */
function isOnPath(program) {
  return (process.env['PATH'] ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** @param {string[]} args */
function aptGet(args) {
  const result = spawnSync('apt-get', args, {
    // Nothing that is installed is to be started by that (invoke-rc.d(8)).
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
    encoding: 'utf8',
  });
  // What apt says is of interest only when it failed; the list that follows is what to do.
  if (result.status !== 0) process.stderr.write(result.stdout + result.stderr);
}
