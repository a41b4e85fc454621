import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { request } from 'undici';
import type { Lookup } from './guarded-agent.ts';
import { createGuardedAgent } from './guarded-agent.ts';
import { createReachable } from './reachable.ts';

let port: number;
let requests: number;
const server = createServer((_request, response) => {
  requests += 1;
  response.end('ok');
});
beforeEach(async () => {
  requests = 0;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ({ port } = server.address() as AddressInfo);
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

/** Names that resolve to these addresses, the first time and later. */
function names(...answers: readonly (readonly string[])[]): Lookup {
  let asked = 0;
  return (_hostname, _options, callback) => {
    const answer = answers[Math.min(asked, answers.length - 1)] ?? [];
    asked += 1;
    callback(
      null,
      answer.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
    );
  };
}

async function post(host: string, allow: readonly string[], lookup?: Lookup, scheme = 'http') {
  const agent = createGuardedAgent(createReachable(allow), lookup);
  try {
    const { statusCode } = await request(`${scheme}://${host}:${port}/`, {
      dispatcher: agent,
      method: 'POST',
    });
    return statusCode;
  } catch (error) {
    return (error as { code?: string }).code;
  } finally {
    await agent.destroy();
  }
}

test.each(['127.0.0.1', '2130706433', '0x7f.1', '[::1]', '[::ffff:127.0.0.1]', 'localhost'])(
  'nothing is sent to %s',
  async (host) => {
    expect(await post(host, [])).toBe('ERR_FORBIDDEN_ADDRESS');
    expect(await post(host, [], undefined, 'https')).toBe('ERR_FORBIDDEN_ADDRESS');
    expect(requests).toBe(0);
  },
);

test('nor to names that resolve to such addresses, though one of several be good', async () => {
  for (const addresses of [
    ['127.0.0.1'],
    ['::1'],
    ['::ffff:127.0.0.1'],
    ['8.8.8.8', '127.0.0.1'],
  ]) {
    expect(await post('hooks.example', [], names(addresses), 'https')).toBe(
      'ERR_FORBIDDEN_ADDRESS',
    );
  }
  expect(await post('hooks.example', [], names([]), 'https')).toBe('ERR_FORBIDDEN_ADDRESS');
  expect(requests).toBe(0);
});

test('the address that is checked is the one that is connected to', async () => {
  const allowed = ['127.0.0.1'];
  // A second look-up would say something else.
  expect(await post('hooks.example', allowed, names(['127.0.0.1'], ['10.0.0.1']))).toBe(200);
  expect(await post('hooks.example', allowed, names(['10.0.0.1'], ['127.0.0.1']))).toBe(
    'ERR_FORBIDDEN_ADDRESS',
  );
  expect(requests).toBe(1);
});

test('plain http only to what is allowed', async () => {
  expect(await post('hooks.example', ['127.0.0.1'], names(['8.8.8.8']))).toBe(
    'ERR_FORBIDDEN_ADDRESS',
  );
  expect(await post('127.0.0.1', ['127.0.0.0/8'])).toBe(200);
});
