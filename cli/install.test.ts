import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { installPackages } from './install.mjs';

test('installs all packages, whatever NODE_ENV and npm are set to leave out', async () => {
  const root = mkdtempSync(join(tmpdir(), 'trunkline-install-'));
  onTestFinished(() => rmSync(root, { recursive: true }));
  onTestFinished(() => void vi.unstubAllEnvs());
  writeFileSync(
    join(root, 'package-lock.json'),
    '{"packages": {"node_modules/x": {"version": "1"}}}',
  );
  // In npm's place, as `npm start` names it.
  const npm = join(root, 'npm.mjs');
  writeFileSync(
    npm,
    `import { writeFileSync } from 'node:fs';
     writeFileSync('arguments', process.argv.slice(2).join(' '));`,
  );
  vi.stubEnv('npm_execpath', npm);
  vi.stubEnv('npm_node_execpath', process.execPath);
  await installPackages(root, () => {});
  expect(readFileSync(join(root, 'arguments'), 'utf8')).toMatch(/^ci --include=dev /);
});
