import { chromium } from 'playwright-core';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll } from 'vitest';

/** Debian's, headless, that talks with nobody but the page it is given. */
const ARGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--autoplay-policy=no-user-gesture-required',
];

export interface BrowserOptions {
  /** A WAV file that is spoken into the microphone; without it there is none. */
  readonly microphone?: string;
}

/** One browser for a file; a page, and what it complained of, for each test. */
export function useBrowser({ microphone }: BrowserOptions = {}) {
  let browser: Browser | undefined;
  let contexts: BrowserContext[] = [];
  let complaints: string[] = [];

  beforeAll(async () => {
    browser = await chromium.launch({
      executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
      args: [
        ...ARGS,
        ...(microphone === undefined
          ? []
          : [
              '--use-fake-ui-for-media-stream',
              '--use-fake-device-for-media-stream',
              `--use-file-for-fake-audio-capture=${microphone}`,
            ]),
      ],
    });
  });
  afterEach(async ({ task }) => {
    if (task.result?.state === 'fail') process.stderr.write(`${complaints.join('\n')}\n`);
    await Promise.all(contexts.map((context) => context.close()));
    [contexts, complaints] = [[], []];
  });
  afterAll(() => browser?.close());

  return {
    async newPage(options: Parameters<Browser['newPage']>[0] = {}): Promise<Page> {
      if (browser === undefined) throw new Error('the browser is there only while tests run');
      const context = await browser.newContext(options);
      contexts.push(context);
      const page = await context.newPage();
      page.on('pageerror', (error) => complaints.push(error.message));
      page.on('console', (message) => {
        if (message.type() === 'error') complaints.push(message.text());
      });
      return page;
    },
    /** What a page has complained of: exceptions, refusals of its security policy. */
    complaints: () => complaints,
  };
}
