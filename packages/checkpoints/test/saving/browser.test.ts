// Saving in a browser: pages that are reloaded or closed in the middle of a save, and a quota.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  bundlePage,
  hasChromium,
  openBrowser,
  openPage,
  requireChromium,
} from '../browser/chromium.js';
import type { Found } from '../browser/saving-page.js';

requireChromium('saving in a browser');

const ENDS = Number(process.env['POLYAK_KILLS'] ?? 8);
const SEED = Number(process.env['POLYAK_FUZZ_SEED'] ?? 14);
const LENGTH = 1_000_000;

describe.skipIf(!hasChromium)('saving in a browser', () => {
  let profile = '';
  let code = '';
  let browser: BrowserContext;
  beforeAll(async () => {
    profile = await mkdtemp(join(tmpdir(), 'polyak-saving-'));
    code = await bundlePage(new URL('../browser/saving-page.ts', import.meta.url));
    browser = await openBrowser(profile);
  }, 300_000);
  afterAll(async () => {
    await browser.close();
    await rm(profile, { recursive: true });
  }, 60_000);
  const find = async (page: Page): Promise<Found> => page.evaluate('page.findAll()');

  it('leaves whole files when pages are reloaded and closed in the middle of saves', async () => {
    let state = SEED;
    const random = (): number => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
    let page = await openPage(browser, code);
    const begin = performance.now();
    expect(await page.evaluate(`page.saveNext(${LENGTH})`)).toBe(1);
    const duration = performance.now() - begin; // of a save on this machine
    let [latest, leftovers] = [1, 0];
    for (let end = 0; end < ENDS; end += 1) {
      // It ends with the page.
      const saving = page.evaluate(`page.saveOn(${LENGTH})`).catch(() => undefined);
      await setTimeout(random() * 3 * duration);
      if (end % 2 === 0) {
        await page.reload();
        await page.addScriptTag({ content: code });
      } else {
        await page.close();
        page = await openPage(browser, code);
      }
      await saving;
      const { steps, broken, others } = await find(page);
      expect(`seed ${SEED}, end ${end}: ${broken.join()}`).toBe(`seed ${SEED}, end ${end}: `);
      expect(others.every((name) => /\.partial(\.crswap)?$/.test(name))).toBe(true);
      leftovers += Number(others.length > 0);
      expect(steps.at(-1)).toBeGreaterThanOrEqual(latest);
      latest = steps.at(-1) ?? 0;
    }
    console.log(`[browser] ${ENDS} ends of pages, ${leftovers} within a save; step ${latest}`);
    expect(await page.evaluate(`page.saveNext(${LENGTH})`)).toBe(latest + 1);
    const { steps, broken, others } = await find(page);
    expect([broken, others]).toEqual([[], []]);
    expect(steps.length).toBeGreaterThan(0);
    await page.close();
  }, 600_000);

  it('removes nothing that another page is writing', async () => {
    const [one, other] = [await openPage(browser, code), await openPage(browser, code)];
    const first = one.evaluate(`page.saveNext(${20 * LENGTH})`);
    let found = await find(other);
    for (let tries = 0; found.others.length === 0 && tries < 100; tries += 1) {
      found = await find(other);
    }
    expect(found.others).not.toEqual([]); // it is being written
    const { steps } = found;
    const second = await other.evaluate('page.saveNext(10)');
    // The same step, and whoever is last replaces it; neither takes away what the other writes.
    expect([await first, second]).toEqual([expect.any(Number), (steps.at(-1) ?? 0) + 1]);
    expect(await find(one)).toMatchObject({ broken: [], others: [] });
    await one.close();
    await other.close();
  }, 120_000);

  it('explains that the quota is used up, and keeps the earlier checkpoints', async () => {
    const page = await openPage(browser, code);
    await page.evaluate('page.saveNext(10)');
    const before = await find(page);
    expect(before.steps.length).toBeGreaterThan(0);
    const client = await browser.newCDPSession(page);
    const origin = 'http://localhost';
    await client.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: 1_000_000 });
    expect(await page.evaluate(`page.saveNext(${LENGTH})`)).toEqual({
      code: 'ERR_CHECKPOINT',
      cause: 'QuotaExceededError',
      message: expect.stringMatching(/quota of storage is used up \(QuotaExceededError\)\. The /),
    });
    expect(await find(page)).toEqual(before);
    await client.send('Storage.overrideQuotaForOrigin', { origin });
    expect(await page.evaluate(`page.saveNext(${LENGTH})`)).toEqual(expect.any(Number));
    await page.close();
  }, 120_000);
});
