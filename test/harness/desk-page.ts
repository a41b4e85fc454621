import type { Page } from 'playwright-core';
import { createClient } from '../../client/index.ts';
import type { TestStack } from './start-test-stack.ts';
import type { useBrowser } from './browser.ts';

type PageOptions = Parameters<ReturnType<typeof useBrowser>['newPage']>[0];

/** A page of the desk, signed in by a link. */
export async function signIn(
  browser: ReturnType<typeof useBrowser>,
  stack: TestStack,
  options?: PageOptions,
): Promise<Page> {
  const page = await browser.newPage(options);
  const { url } = await createClient({ url: stack.apiUrl, apiKey: stack.apiKey }).session.link();
  await page.goto(url);
  await page.getByRole('heading', { name: 'Live' }).waitFor();
  return page;
}

/** What an operator finds of the call from a number, from the list on: its sentence and cause. */
export async function findCause(
  page: Page,
  from: string,
): Promise<{ readonly sentence: string; readonly cause: string }> {
  await page.getByRole('link', { name: 'Calls', exact: true }).click();
  await page.getByRole('row', { name: from }).getByRole('link').click();
  const why = page.getByRole('region', { name: 'Why' });
  const sentence = await why.locator('.sentence').innerText();
  return { sentence, cause: await why.locator('code').first().innerText() };
}
