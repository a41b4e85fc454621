import { expect, test } from 'vitest';
import type { Config } from '../config/config.ts';
import { callCommand } from './start-screen.ts';

test.each([
  [5060, ['+73433009243', '*'], 'npm run call'],
  [5060, ['+73433009243'], 'npm run call -- --to +73433009243'],
  [5070, ['*'], 'TRUNKLINE_SIP_PORT=5070 npm run call'],
])('the command for a call on port %s to %j is one that is answered', (port, numbers, command) => {
  const config = { sip: { port }, lines: [{ numbers }] } as unknown as Config;
  expect(callCommand(config)).toBe(command);
});
