import { Validator } from '@seriousme/openapi-schema-validator';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { startTestApp } from './fixtures/test-app.ts';
import type { TestApp } from './fixtures/test-app.ts';

vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 });

interface Operation {
  readonly summary?: string;
  readonly tags?: string[];
  readonly parameters?: { readonly $ref?: string; readonly name?: string }[];
  readonly responses: Record<string, { content?: Record<string, { schema: unknown }> }>;
}
type Document = { paths: Record<string, Record<string, Operation>> };

let app: TestApp;
let document: Document;
beforeAll(async () => {
  app = await startTestApp();
  document = (await (await fetch(`${app.url}/openapi.json`)).json()) as Document;
});
afterAll(() => app.close());

test('is a valid OpenAPI document', async () => {
  const { valid, errors } = await new Validator().validate(structuredClone(document));
  expect(errors).toBeUndefined();
  expect(valid).toBe(true);
});

test('has every route', () => {
  const routes = Object.entries(document.paths).flatMap(([path, operations]) =>
    Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
  );
  expect(routes.sort()).toEqual(
    [
      'GET /v1/calls',
      'GET /v1/calls.csv',
      'GET /v1/calls/{id}/support',
      'POST /v1/calls',
      'GET /v1/calls/{id}',
      'GET /v1/calls/{id}/events',
      'GET /v1/calls/{id}/transcript',
      'POST /v1/calls/{id}/hangup',
      'POST /v1/calls/{id}/listeners',
      'POST /v1/calls/{id}/transfer',
      'POST /v1/browser-calls',
      'GET /v1/session',
      'POST /v1/session',
      'DELETE /v1/session',
      'POST /v1/sign-in-links',
      'GET /v1/refusals',
      'GET /v1/workers',
      'GET /v1/rehearsal',
      'GET /v1/rehearsal/sentences',
      'GET /v1/rehearsal/speech',
      'GET /v1/events',
      'GET /v1/lines',
      'GET /v1/keys',
      'POST /v1/keys',
      'DELETE /v1/keys/{id}',
      'GET /v1/endpoints',
      'POST /v1/endpoints',
      'GET /v1/endpoints/{id}',
      'PATCH /v1/endpoints/{id}',
      'DELETE /v1/endpoints/{id}',
      'POST /v1/endpoints/{id}/test',
      'POST /v1/endpoints/{id}/rotate',
      'GET /v1/deliveries',
      'GET /v1/deliveries/{id}',
      'POST /v1/deliveries/{id}/retry',
      'POST /v1/erasures',
      'GET /v1/set-aside',
    ].sort(),
  );
});

test('every operation says what it does and what may go wrong', () => {
  for (const [path, operations] of Object.entries(document.paths)) {
    for (const [method, operation] of Object.entries(operations)) {
      const where = `${method} ${path}`;
      expect(operation.summary, where).toBeTruthy();
      const problems = Object.entries(operation.responses).filter(([status]) => status >= '400');
      const statuses = problems.map(([status]) => status);
      expect(statuses, where).toEqual(expect.arrayContaining(['400', '401', '403', '429', '503']));
      if (path.includes('{id}')) expect(statuses, where).toContain('404');
      if (method === 'post') {
        expect(statuses, where).toEqual(expect.arrayContaining(['409', '415', '422']));
        expect(JSON.stringify(operation.parameters), where).toContain('IdempotencyKey');
      }
      for (const [status, { content }] of problems) {
        expect(content?.['application/problem+json']?.schema, `${where} ${status}`).toEqual({
          $ref: '#/components/schemas/Problem',
        });
      }
    }
  }
});

test('the page at /docs needs nothing from elsewhere', async () => {
  const page = await fetch(`${app.url}/docs`);
  expect(page.status).toBe(200);
  const html = await page.text();
  expect(html).toContain('swagger-ui');
  expect(html).not.toMatch(/(?:src|href)="https?:/);
  const [script] = /[^"]*swagger-ui-bundle\.js/.exec(html) ?? [];
  expect((await fetch(new URL(script ?? '', `${app.url}/docs/`))).status).toBe(200);
});
