// A headless Chromium. POLYAK_REQUIRE_BROWSER=1 makes
// its absence a failure.
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import type { BrowserContext, Page } from 'playwright-core';
import { rolldown } from 'rolldown';
import { expect, it } from 'vitest';
import { findChromium } from '../../../../tests/support/chromium.js';

const executablePath = findChromium();

/** Whether there is a Chromium. */
export const hasChromium: boolean = executablePath !== undefined;

/** Says that tests are skipped where there is no Chromium, or fails where it is required. */
export function requireChromium(what: string): void {
  if (!hasChromium) console.warn(`Skipped: ${what}: no Chromium at CHROMIUM_PATH or on PATH`);
  it.runIf(process.env['POLYAK_REQUIRE_BROWSER'] === '1')('has a Chromium to run in', () => {
    expect(executablePath).toBeDefined();
  });
}

/** A browser with a profile in a folder. Its pages have a secure origin, without a server. */
export async function openBrowser(profile: string): Promise<BrowserContext> {
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: executablePath ?? '',
    args: ['--headless', '--no-sandbox'],
  });
  await context.route('**', async (route) =>
    route.fulfill({ contentType: 'text/html', body: '<!doctype html><title>Polyak</title>' }),
  );
  return context;
}

/** The code of a page's script, whose exports are members of `page`. */
export async function bundlePage(script: URL): Promise<string> {
  const build = await rolldown({
    input: fileURLToPath(script),
    platform: 'browser',
    resolve: { conditionNames: ['@polyak/source', 'browser', 'import', 'default'] },
  });
  const { output } = await build.generate({ format: 'iife', name: 'page' });
  await build.close();
  return output[0].code;
}

/** A new page with a script. */
export async function openPage(context: BrowserContext, code: string): Promise<Page> {
  const page = await context.newPage();
  await page.goto('http://localhost/');
  await page.addScriptTag({ content: code });
  return page;
}
