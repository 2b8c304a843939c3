// gpu.js's webgl2 and webgpu in a headless Chromium, from a minified bundle: CHROMIUM_PATH, or the
// first chromium on PATH. POLYAK_REQUIRE_BROWSER=1 makes its absence a failure.
import { backendConformance } from '@polyak/core/conformance';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findChromium, startChromium } from '../../../../tests/support/chromium.js';
import {
  ASYNCHRONOUS,
  NO_HALF,
  NO_INTEGERS,
  NO_VIEWS,
  expectOutcome,
} from '../../../../tests/support/conformance.js';
import { bundlePage, openPage } from '../../../../tests/support/page.js';
import type { Page } from '../../../../tests/support/page.js';
import type { Device, PageApi } from '../browser/page.js';
import { averaged, compensated, manyMagnitudes } from './rounding.js';

const executablePath = findChromium();
const isRequired = process.env['POLYAK_REQUIRE_BROWSER'] === '1';
const PATIENCE = 120_000;
const LACKS = [NO_HALF, NO_INTEGERS, ASYNCHRONOUS, NO_VIEWS];

const conformanceNames = backendConformance<never>(() => {
  throw new Error('The suite runs in the page; here are only its names.');
}).map(({ name }) => name);

if (executablePath === undefined) {
  console.warn(
    'Skipped: gpu.js on webgl2 and webgpu in a browser: no Chromium at CHROMIUM_PATH or on PATH',
  );
}

it.runIf(isRequired || executablePath !== undefined)('has a Chromium to run in', () => {
  expect(executablePath).toBeDefined();
});

describe.skipIf(executablePath === undefined)('in a browser', () => {
  let browser: Browser;
  let script: string;

  beforeAll(async () => {
    [script, browser] = await Promise.all([
      // Kernels are source text that gpu.js compiles.
      bundlePage(new URL('../browser/page.ts', import.meta.url), { minify: true }),
      startChromium(executablePath ?? ''),
    ]);
  }, PATIENCE);

  afterAll(async () => browser.close());

  it('is minified, and the kernels are not', () => {
    expect(script).not.toMatch(/class (Device|SignatureKernels|Pack|Slice)\b/u);
    expect(script).toContain('function (a, p, w) { return a');
  });

  describe.each(['webgl2', 'webgpu'] as const)('gpujs:%s', (mode) => {
    let page: Page<PageApi>;
    let device: Device;

    beforeAll(async () => {
      page = await openPage(browser, script);
      device = await page.call('start', mode);
    }, PATIENCE);

    afterAll(async () => page.close());

    it('runs on what was asked for, and compensates', () => {
      expect(device).toEqual({ name: `gpujs:${mode}`, canCompensate: true });
    });

    describe.each(['arrays', 'textures', 'dense textures'] as const)(
      'live weights in %s',
      (place) => {
        it.each(conformanceNames)(
          '%s',
          async (name) => {
            expectOutcome(name, await page.call('conform', name, place), LACKS);
          },
          PATIENCE,
        );

        it('rounds each operation to float32, compensated or not', async () => {
          const [average, live] = [1, 2].map((seed) => [...manyMagnitudes(10_007, seed)]) as [
            number[],
            number[],
          ];
          const residual = average.map((a) => a * 2 ** -25);
          const found = await page.call('update', { average, residual, live, weight: 1e-3 }, place);
          const pairs = average.map((a, i) =>
            compensated(a, residual[i] as number, live[i] as number, 1e-3),
          );
          expect(found).toEqual([
            average.map((a, i) => averaged(a, live[i] as number, 1e-3)),
            pairs.map(([sum]) => sum),
            pairs.map(([, error]) => error),
          ]);
        });

        it(
          'leaves no texture behind in 1,000 rounds of an update and two swaps',
          async () => {
            await expect(page.call('leftBehind', place)).resolves.toBe(0);
          },
          PATIENCE,
        );
      },
    );

    it('finds NaN wherever it is in a texture, and only there', async () => {
      const places = [0, 255, 256, 1000, 65_536, 300_000];
      await expect(page.call('findsNaN', 300_001, places)).resolves.toEqual([
        ...places.map(() => false),
        true,
      ]);
    });

    it('writes no warning and no error to the console', () => {
      expect(page.complaints).toEqual([]);
    });
  });
});
