import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';

const CHECK = join('cli', 'check-installed.mjs');
const PROJECT = join(import.meta.dirname, '..');
const OLD = `Object.defineProperty(process, 'versions', { value: { node: '20.20.2' } });`;

function check(options: { installed: boolean; old?: boolean }) {
  const clone = mkdtempSync(join(tmpdir(), 'trunkline-clone-'));
  onTestFinished(() => rmSync(clone, { recursive: true }));
  cpSync(join(PROJECT, CHECK), join(clone, CHECK));
  if (options.installed) {
    mkdirSync(join(clone, 'node_modules'));
    writeFileSync(join(clone, 'node_modules', '.package-lock.json'), '{}');
  }
  const flags = options.old ? ['--import', `data:text/javascript,${OLD}`] : [];
  const run = spawnSync(process.execPath, [...flags, join(clone, CHECK)], { encoding: 'utf8' });
  return [run.status, run.stderr];
}

test('says what to do before the packages are installed, and on an older Node', () => {
  expect(check({ installed: true })).toEqual([0, '']);
  expect(check({ installed: false })).toEqual([
    1,
    'The packages are not installed yet: run "npm start" once, or "npm ci".\n',
  ]);
  expect(check({ installed: true, old: true })).toEqual([
    1,
    'This needs Node 24, and here is 20.20.2: "npm start" installs it beside the others.\n',
  ]);
});

test('every script that runs TypeScript begins with it', () => {
  const { scripts } = JSON.parse(readFileSync(join(PROJECT, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>;
  };
  const typescript = Object.values(scripts).filter((script) => script.includes('.ts'));
  expect(typescript.length).toBeGreaterThan(2);
  for (const script of typescript) expect(script).toMatch(/^node cli\/check-installed\.mjs && /);
});

// Node before 24 refuses a .ts file before a line of it runs: only what goes before can say so.
test.each(['README.md', 'docs/production.md', 'docs/rehearsal.md'])(
  '%s starts nothing that is TypeScript before the check',
  (guide) => {
    const [before = '', ...started] = readFileSync(join(PROJECT, guide), 'utf8').split(
      /^ *node \S+\.ts\b/m,
    );
    if (started.length > 0) expect(before).toContain(`node ${CHECK}`);
  },
);
