// The network of the page on webgl and webgpu, compared with wasm.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Computed } from './browser/backends.js';
import type { Site } from './browser/site.js';
import { complaintsOf, executablePath, isRequired, openSite } from './browser/site.js';

const patience = 120_000;
const steps = 100;

it.runIf(isRequired || executablePath !== undefined)('has a Chromium to run in', () => {
  expect(executablePath).toBeDefined();
});

describe.skipIf(executablePath === undefined)('100 steps in Chromium', () => {
  let site: Site;
  let wasm: Computed;

  beforeAll(async () => {
    site = await openSite('test/browser/backends.html');
    wasm = await compute('wasm');
  }, patience);

  afterAll(async () => site.close());

  async function compute(backend: string): Promise<Computed> {
    const page = await site.browser.newPage();
    const complaints = complaintsOf(page);
    await page.goto(site.url);
    await page.waitForFunction('"compute" in globalThis');
    const computed: Computed = await page.evaluate(`compute('${backend}', ${steps})`);
    expect(complaints).toEqual([]);
    await page.close();
    return computed;
  }

  it('trains on wasm', () => {
    expect(wasm.losses.length).toBe(steps);
    const mean = (losses: readonly number[]): number =>
      losses.reduce((sum, loss) => sum + loss, 0) / losses.length;
    expect(mean(wasm.losses.slice(-20))).toBeLessThan(0.95 * mean(wasm.losses.slice(0, 20)));
    expect(new Set(wasm.grid).size).toBe(9);
    expect(wasm.average.length).toBe(99);
  });

  it.each(['webgl', 'webgpu'])(
    'has the losses, the grid and the average of wasm on %s',
    async (backend) => {
      const found = await compute(backend);
      expect(gap(found.losses, wasm.losses)).toBeLessThan(2e-5);
      expect(gap(found.grid, wasm.grid)).toBeLessThan(1e-5);
      expect(gap(found.average, wasm.average)).toBeLessThan(2e-5);
    },
    patience,
  );
});

function gap(found: readonly number[], expected: readonly number[]): number {
  expect(found.length).toBe(expected.length);
  return Math.max(...found.map((value, index) => Math.abs(value - (expected[index] ?? NaN))));
}
