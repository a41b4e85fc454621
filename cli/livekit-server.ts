import { execFile, spawn } from 'node:child_process';
import { constants } from 'node:fs';
import { access, mkdtemp, rename, rm } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { makeFolder } from '../config/make-folder.ts';
import { withFileLock } from './file-lock.mjs';
import { isTrusted, livekitCache, share } from './livekit-cache.ts';

/** What the project is tested with. */
const LIVEKIT_VERSION = '1.11.0';
const MODULE = `github.com/livekit/livekit-server/cmd/server@v${LIVEKIT_VERSION}`;
const IMAGE = `livekit/livekit-server:v${LIVEKIT_VERSION}`;
/** That v1.11.0 is built from, the standard library included: progress is given as a share. */
const PACKAGES = 780;

const run = promisify(execFile);

export interface LivekitServer {
  readonly command: string;
  /** To be put before livekit-server's own; its configuration goes into LIVEKIT_CONFIG. */
  readonly args: readonly string[];
  readonly source: 'path' | 'cache' | 'built' | 'docker';
}

/**
 * On PATH, else in our cache or root's, else built with Go (once, some minutes), else by Docker.
 * @param log progress, one short line at a time
 * @param cache default: this user's
 * @throws one sentence that says how to get it
 */
export async function findLivekitServer(
  env: NodeJS.ProcessEnv,
  log: (line: string) => void,
  cache = livekitCache(env, `livekit-server-v${LIVEKIT_VERSION}`),
): Promise<LivekitServer> {
  const onPath = await which('livekit-server', env);
  if (onPath) {
    const version = await versionOf(onPath);
    if (version && isUsable(version)) return { command: onPath, args: [], source: 'path' };
    log(
      `livekit-server on PATH is ${version ?? 'of unknown version'}; v${LIVEKIT_VERSION} is used instead`,
    );
  }
  for (const path of [cache.own, cache.shared]) {
    if (!(await isCached(path, log))) continue;
    if (path === cache.own && !(await isExecutable(cache.shared))) await share(cache);
    return { command: path, args: [], source: 'cache' };
  }

  const go = await which('go', env);
  if (go) {
    const why = await build(go, cache.own, env, log);
    if (!why) {
      await share(cache);
      return { command: cache.own, args: [], source: 'built' };
    }
    log(`livekit-server could not be built: ${why}`);
  }
  if (await dockerAnswers(env)) {
    return { command: 'docker', args: dockerArgs(), source: 'docker' };
  }
  throw new Error(
    `livekit-server is missing: install Go 1.24 or newer (https://go.dev/dl) and run this again, ` +
      `or put livekit-server v${LIVEKIT_VERSION} on PATH ` +
      `(https://github.com/livekit/livekit/releases), or start Docker.`,
  );
}

function dockerArgs(): string[] {
  // Host networking, because the RTC ports must be reachable at the address that is advertised.
  return ['run', '--rm', '--init', '--network', 'host', '--env', 'LIVEKIT_CONFIG', IMAGE];
}

async function dockerAnswers(env: NodeJS.ProcessEnv): Promise<boolean> {
  if (!(await which('docker', env))) return false;
  try {
    await run('docker', ['info', '--format', '{{.ServerVersion}}'], { env, timeout: 10_000 });
    return true;
  } catch {
    return false;
  }
}

async function which(name: string, env: NodeJS.ProcessEnv): Promise<string | undefined> {
  for (const folder of (env['PATH'] ?? '').split(delimiter)) {
    const path = join(folder, name);
    if (folder && (await isExecutable(path))) return path;
  }
  return undefined;
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** E.g. `1.11.0`; undefined where there is no livekit-server that runs. */
async function versionOf(path: string): Promise<string | undefined> {
  try {
    const { stdout } = await run(path, ['--version'], { timeout: 10_000 });
    return /version v?(\d+\.\d+\.\d+)/.exec(stdout)?.[1];
  } catch {
    return undefined;
  }
}

/** Same major, and not older than what agent dispatch needs. */
function isUsable(version: string): boolean {
  const [major, minor] = version.split('.').map(Number);
  return major === 1 && minor !== undefined && minor >= 9;
}

/** Whether it is there and runs. What others can change is not even tried. */
async function isCached(path: string, log: (line: string) => void): Promise<boolean> {
  const trusted = await isTrusted(path).catch(() => undefined);
  if (trusted === false) log(`${path} is not used: others than root and you can change it`);
  return trusted === true && (await versionOf(path)) !== undefined;
}

/** Resolves with the reason where it failed. */
async function build(
  go: string,
  target: string,
  env: NodeJS.ProcessEnv,
  log: (line: string) => void,
): Promise<string | undefined> {
  makeFolder(dirname(target));
  if (!(await isTrusted(dirname(target)))) {
    return `others than root and you can change what is in ${dirname(target)}`;
  }
  return withFileLock(`${target}.lock`, log, async () => {
    // Another start may have built it while we waited for the lock.
    if (await isCached(target, log)) return undefined;
    const folder = await mkdtemp(`${target}.build-`);
    try {
      log(`building livekit-server v${LIVEKIT_VERSION} with Go (once, some minutes) …`);
      const why = await goInstall(go, { ...env, GOBIN: folder }, log);
      if (why) return why;
      // A rename is atomic: nobody ever sees half a binary.
      await rename(join(folder, 'server'), target);
      return undefined;
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
}

/** Resolves with the reason where it failed. */
function goInstall(
  go: string,
  env: NodeJS.ProcessEnv,
  log: (line: string) => void,
): Promise<string | undefined> {
  return new Promise((resolve) => {
    const child = spawn(go, ['install', '-v', MODULE], {
      env,
      cwd: env['GOBIN'],
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let packages = 0;
    let downloads = 0;
    let lastLine = '';
    let partial = '';
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      const lines = (partial + chunk).split('\n');
      partial = lines.pop() ?? '';
      for (const line of lines) {
        if (line.startsWith('go: downloading')) downloads++;
        else if (/^\S+$/.test(line)) packages++;
        if (line.trim()) lastLine = line.trim();
      }
    });
    const started = Date.now();
    const timer = setInterval(() => {
      const seconds = Math.round((Date.now() - started) / 1000);
      const share = Math.min(99, Math.round((100 * packages) / PACKAGES));
      log(
        packages
          ? `building livekit-server: ${share} % (${packages} packages, ${seconds} s)`
          : `building livekit-server: ${downloads} modules downloaded (${seconds} s)`,
      );
    }, 5000);
    child.on('error', (error) => {
      clearInterval(timer);
      resolve(error.message);
    });
    child.on('close', (code) => {
      clearInterval(timer);
      resolve(code === 0 ? undefined : lastLine || `go install ended with ${code}`);
    });
  });
}
