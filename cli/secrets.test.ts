import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { apiKeyOf, livekitExports } from './secrets.ts';

test('a shell reads the exports as they were meant', () => {
  const secret = `it's "$HOME" \`id\` \\ $(id)`;
  const livekit = { url: 'ws://127.0.0.1:7880', apiKey: 'devkey', apiSecret: secret };
  const script = `${livekitExports({ livekit })}\nprintf %s "$LIVEKIT_API_SECRET"`;
  expect(execFileSync('/bin/sh', ['-c', script], { encoding: 'utf8' })).toBe(secret);
});

test('a key that is not there yet is said in a sentence', () => {
  expect(() => apiKeyOf({ apiKeys: [], dataDir: '/nowhere' })).toThrow(
    'There is no API key in /nowhere yet: the first start of the call service makes one.',
  );
});
