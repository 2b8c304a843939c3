// Merging in a headless Chromium, on files of its private file system: CHROMIUM_PATH, or the first
// chromium on PATH. POLYAK_REQUIRE_BROWSER=1 makes its absence a failure.
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { rolldown } from 'rolldown';
import { describe, expect, it } from 'vitest';

const { CHROMIUM_PATH, PATH = '' } = process.env;
const executablePath =
  CHROMIUM_PATH ??
  PATH.split(delimiter)
    .map((folder) => join(folder, 'chromium'))
    .find((path) => existsSync(path));
const isRequired = process.env['POLYAK_REQUIRE_BROWSER'] === '1';

if (executablePath === undefined) {
  console.warn('Skipped: merging in a browser: no Chromium at CHROMIUM_PATH or on PATH');
}

it.runIf(isRequired || executablePath !== undefined)('has a Chromium to run in', () => {
  expect(executablePath).toBeDefined();
});

describe.skipIf(executablePath === undefined)('in a browser', () => {
  it('merges files of its private file system', async () => {
    const build = await rolldown({
      input: fileURLToPath(new URL('browser/page.ts', import.meta.url)),
      platform: 'browser',
      resolve: { conditionNames: ['@polyak/source', 'browser', 'import', 'default'] },
    });
    const { output } = await build.generate({ format: 'iife', name: 'page' });
    await build.close();
    const browser = await chromium.launch({
      executablePath: executablePath ?? '',
      args: ['--headless', '--no-sandbox'],
    });
    try {
      const page = await browser.newPage();
      // A secure context, without a server.
      await page.route('**', async (route) =>
        route.fulfill({ contentType: 'text/html', body: '<!doctype html><title>Polyak</title>' }),
      );
      await page.goto('http://localhost/');
      await page.addScriptTag({ content: output[0].code });
      const found = await page.evaluate('page.mergeInPage([1, 2, 6], 1500001)');
      expect(found).toEqual([1_500_001, 3, -3]);
    } finally {
      await browser.close();
    }
  }, 120_000);
});
