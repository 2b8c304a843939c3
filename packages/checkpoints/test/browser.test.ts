// Merging in a browser, on files of its private file system.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  bundlePage,
  hasChromium,
  openBrowser,
  openPage,
  requireChromium,
} from './browser/chromium.js';

requireChromium('merging in a browser');

describe.skipIf(!hasChromium)('in a browser', () => {
  it('merges files of its private file system', async () => {
    const profile = await mkdtemp(join(tmpdir(), 'polyak-browser-'));
    const browser = await openBrowser(profile);
    try {
      const code = await bundlePage(new URL('browser/page.ts', import.meta.url));
      const page = await openPage(browser, code);
      const found = await page.evaluate('page.mergeInPage([1, 2, 6], 1500001)');
      expect(found).toEqual([1_500_001, 3, -3]);
    } finally {
      await browser.close();
      await rm(profile, { recursive: true });
    }
  }, 120_000);
});
