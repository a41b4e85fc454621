import type { TestStack } from './start-test-stack.ts';

/** Changes how the rehearsal providers of a stack behave; rejects what they do not take. */
export async function rehearse(
  { config }: Pick<TestStack, 'config'>,
  method: 'PUT' | 'POST',
  path: 'settings' | 'disconnect',
  body: object,
): Promise<void> {
  const { host, port } = config.providers.rehearsal;
  const response = await fetch(`http://${host}:${port}/rehearsal/${path}`, {
    method,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(await response.text());
}
