// In a headless Chromium: CHROMIUM_PATH, or the first chromium on PATH. POLYAK_REQUIRE_BROWSER=1
// makes its absence a failure.
import process from 'node:process';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findChromium, startChromium } from '../../../tests/support/chromium.js';
import { findings } from '../../check/findings.js';

const executablePath = findChromium();
const isRequired = process.env['POLYAK_REQUIRE_BROWSER'] === '1';
const ADDRESS = 'http://site.test/';

if (executablePath === undefined) {
  console.warn('Skipped: findings: no Chromium at CHROMIUM_PATH or on PATH');
}

describe.skipIf(executablePath === undefined && !isRequired)('findings', () => {
  let browser: Browser;

  beforeAll(async () => {
    browser = await startChromium(executablePath ?? '');
  });
  afterAll(async () => browser.close());

  const findingsOf = async (body: string): Promise<readonly string[]> => {
    const page = await browser.newPage();
    await page.route(`${ADDRESS}**`, async (route) =>
      route.fulfill({
        contentType: 'text/html',
        body: `<html lang="en"><title>A</title><main><h1>A</h1>${body}</main></html>`,
      }),
    );
    const found = await findings(page, ADDRESS);
    await page.close();
    return found;
  };

  it('has none for a good page', async () => {
    expect(await findingsOf('<p>Text</p>')).toEqual([]);
  });

  it.each([
    ['a contrast that is too small', '<p style="color: #aaa">Text</p>', 'axe color-contrast'],
    ['a button without a name', '<button></button>', 'axe button-name'],
    ['a button in a button', '<p role="button" tabindex="0"><a href="#">x</a></p>', 'axe nested'],
    ['a page that is too wide', '<p style="width: 9000px">Text</p>', 'wider than the window'],
    ['an error', '<script>throw new Error("broken")</script>', 'error: broken'],
    ['a message', '<script>console.error("odd")</script>', 'console: odd'],
    ['what is loaded from elsewhere', '<img alt="x" src="http://else.test/a.png">', 'loads http'],
  ])('has %s', async (_, body, expected) => {
    expect((await findingsOf(body)).join('\n')).toContain(expected);
  });
});
