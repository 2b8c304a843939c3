// Batch norm against float64 on webgl2 and webgpu in a headless Chromium; see browser.test.ts.
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LARGE, SMALL } from './batch-norm-cases.js';
import type { BatchNormPageApi } from '../browser/batch-norm-page.js';
import { findChromium, startChromium } from '../../../../tests/support/chromium.js';
import { bundlePage, openPage } from '../../../../tests/support/page.js';
import type { Page } from '../../../../tests/support/page.js';

const executablePath = findChromium();
const PATIENCE = 120_000;

describe.skipIf(executablePath === undefined)('batchNorm in a browser', () => {
  let browser: Browser;
  let script: string;
  beforeAll(async () => {
    [script, browser] = await Promise.all([
      bundlePage(new URL('../browser/batch-norm-page.ts', import.meta.url), { minify: true }),
      startChromium(executablePath ?? ''),
    ]);
  }, PATIENCE);
  afterAll(async () => browser.close());

  describe.each(['webgl2', 'webgpu'] as const)('on %s', (mode) => {
    let page: Page<BatchNormPageApi>;
    beforeAll(async () => {
      page = await openPage(browser, script);
      await page.call('start', mode);
    }, PATIENCE);
    afterAll(async () => page.close());

    it.each([...LARGE, ...SMALL])(
      'finds moments to 1e-6 at a mean of 100: $count × $shape, $layout',
      async (geometry) => {
        const { mean, variance, count } = await page.call('moments', geometry);
        expect(mean).toBeLessThan(1e-9);
        expect(variance).toBeLessThan(1e-6);
        expect(count).toBe(0);
      },
      PATIENCE,
    );

    it.each(SMALL)('infers and trains: $count × $shape, $layout', async (geometry) => {
      const inferred = await page.call('inference', geometry);
      expect(inferred.y).toBeLessThan(1e-6);
      expect(inferred.written).toBe(0);
      const errors = await page.call('training', geometry);
      for (const error of [errors.mean, errors.variance, errors.bias])
        expect(error).toBeLessThan(1e-6);
      expect(errors.y).toBeLessThan(2e-6);
      for (const error of [errors.input, errors.weight]) expect(error).toBeLessThan(1e-5);
    });

    it(
      'leaves no texture behind in 1,000 rounds',
      async () => {
        await expect(page.call('leftBehind')).resolves.toBe(0);
      },
      4 * PATIENCE,
    );

    it('writes no warning and no error to the console', () => {
      expect(page.complaints).toEqual([]);
    });
  });
});
