// tfjs's webgl and webgpu in a headless Chromium: CHROMIUM_PATH, or the first chromium on PATH.
// POLYAK_REQUIRE_BROWSER=1 makes its absence a failure.
import { backendConformance } from '@polyak/core/conformance';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findChromium, startChromium } from '../../../tests/support/chromium.js';
import {
  ASYNCHRONOUS,
  NO_HALF,
  NO_RESIDUALS,
  NO_VIEWS,
  expectOutcome,
} from '../../../tests/support/conformance.js';
import { bundlePage, openPage } from '../../../tests/support/page.js';
import type { Page } from '../../../tests/support/page.js';
import type { PageApi } from './browser/page.js';
import type { Training, Weights } from './browser/training.js';
import { averaged, compensated, manyMagnitudes } from './averaging/rounding.js';
import { mean } from './training/training.js';

const executablePath = findChromium();
const isRequired = process.env['POLYAK_REQUIRE_BROWSER'] === '1';
const PATIENCE = 120_000;
const LACKS = {
  webgl: [NO_HALF, NO_RESIDUALS, NO_VIEWS],
  webgpu: [NO_HALF, ASYNCHRONOUS, NO_VIEWS],
};

const conformanceNames = backendConformance<never>(() => {
  throw new Error('The suite runs in the page; here are only its names.');
}).map(({ name }) => name);

if (executablePath === undefined) {
  console.warn('Skipped: webgl and webgpu: no Chromium at CHROMIUM_PATH or on PATH');
}

it.runIf(isRequired || executablePath !== undefined)('has a Chromium to run in', () => {
  expect(executablePath).toBeDefined();
});

describe.skipIf(executablePath === undefined)('in a browser', () => {
  let browser: Browser;
  let script: string;

  beforeAll(async () => {
    [script, browser] = await Promise.all([
      bundlePage(new URL('browser/page.ts', import.meta.url)),
      startChromium(executablePath ?? ''),
    ]);
  }, PATIENCE);

  afterAll(async () => browser.close());

  describe.each(['webgl', 'webgpu'] as const)('tfjs:%s', (backend) => {
    let page: Page<PageApi>;

    beforeAll(async () => {
      page = await openPage<PageApi>(browser, script);
    }, PATIENCE);

    afterAll(async () => page.close());

    describe.each([
      ['small operations on the host, as by default', true],
      ['all operations on the device', false],
    ])('%s', (_, forwarding) => {
      it('runs on the backend that was asked for, and compensates on webgpu only', async () => {
        const { adapter, ...device } = await page.call('start', { backend, forwarding });
        expect(device).toEqual({
          backend,
          name: `tfjs:${backend}`,
          canCompensate: backend === 'webgpu',
        });
        expect(adapter).not.toBe('');
      });

      it.each(conformanceNames)(
        '%s',
        async (name) => {
          expectOutcome(name, await page.call('conform', name), LACKS[backend]);
        },
        PATIENCE,
      );

      it('reads a number of each tensor in an update or check, and none in a swap', async () => {
        const numbers = await page.call('numbersRead', [5, 700, 20_000]);
        expect(numbers).toEqual({ update: 3, check: 3, swap: 0 });
      });

      describe('SWA.step on a network with batch norm', () => {
        let training: Training;

        beforeAll(async () => {
          training = await page.call('train');
        }, PATIENCE);

        it('trains', () => {
          expect(training.losses.length).toBe(12);
          expect(training.losses.at(-1)).toBeLessThan((training.losses[0] ?? 0) / 2);
        });

        it('averages to the float64 mean of the weights that were visited', () => {
          const averagedSteps = training.visited.flatMap(({ isAveraged }, index) =>
            isAveraged ? index + 1 : [],
          );
          expect(averagedSteps).toEqual([4, 6, 8, 10, 12]);
          const visited = training.visited.filter(({ isAveraged }) => isAveraged);
          expectMean(
            training.averages,
            visited.map(({ weights }) => weights),
          );
        });

        it('swaps the live weights back bit for bit', () => {
          expect(training.live).toEqual(training.visited.at(-1)?.weights);
          expect(training.live).not.toEqual(training.averages);
        });

        it('gives batch norm the statistics of the averages', () => {
          const [kernel = [], bias = []] = training.averages;
          const activations = convolve(training.inputs, kernel, bias);
          activations.forEach((channel, index) => {
            const expected = momentsOf(channel);
            expect(relativeError(training.mean[index], expected.mean)).toBeLessThan(1e-5);
            expect(relativeError(training.variance[index], expected.variance)).toBeLessThan(1e-5);
          });
        });

        it('holds as many tensors and bytes after 50 rounds as after one', () => {
          expect(training.rounds.length).toBe(50);
          expect(training.rounds).toEqual(training.rounds.map(() => training.rounds[0]));
        });
      });
    });

    it(
      'averages inside model.fit by swaCallback, and evaluates the averages',
      async () => {
        const { averages, visited, losses } = await page.call('fit');
        expect(visited.length).toBe(6);
        expectMean(averages, visited);
        expect(losses.filter(Number.isFinite).length).toBe(3);
      },
      PATIENCE,
    );

    it('writes no warning and no error to the console', () => {
      expect(page.complaints).toEqual([]);
    });
  });

  it('rounds each operation on webgpu to float32, compensated or not', async () => {
    const page = await openPage<PageApi>(browser, script);
    await page.call('start', { backend: 'webgpu' });
    const [average, live] = [1, 2].map((seed) => [...manyMagnitudes(10_007, seed)]) as [
      number[],
      number[],
    ];
    const residual = average.map((a) => a * 2 ** -25);
    expect(await page.call('refusal')).toMatch(/"webgpu" can only be read by promises/u);
    const found = await page.call('update', { average, residual, live, weight: 1e-3 });
    const pairs = average.map((a, i) =>
      compensated(a, residual[i] as number, live[i] as number, 1e-3),
    );
    expect(found).toEqual({
      plain: average.map((a, i) => averaged(a, live[i] as number, 1e-3)),
      average: pairs.map(([sum]) => sum),
      residual: pairs.map(([, error]) => error),
    });
    await page.close();
  });

  it('refuses webgl with 16-bit textures, whatever tfjs says of its precision', async () => {
    const page = await openPage<PageApi>(browser, script);
    const started = page.call('start', { backend: 'webgl', halfFloats: true });
    await expect(started).rejects.toThrow(/"webgl" has 16-bit floats/u);
    await page.close();
  });
});

/**
 * Fails unless `found` is the mean of `visited` to 1e-6 of its largest element, tensor by tensor.
 */
function expectMean(found: Weights, visited: readonly Weights[]): void {
  found.forEach((tensor, index) => {
    const expected = mean(visited.map((weights) => [...(weights[index] ?? [])]));
    const scale = Math.max(...expected.map(Math.abs));
    const errors = expected.map((value, i) => Math.abs((tensor[i] ?? NaN) - value) / scale);
    expect(Math.max(...errors)).toBeLessThan(1e-6);
  });
}

/**
 * A 3 by 3 convolution of [samples, 6, 6, 2] with three filters in float64: the outputs of each
 * filter.
 */
function convolve(
  inputs: readonly number[],
  kernel: readonly number[],
  bias: readonly number[],
): number[][] {
  const samples = inputs.length / 72;
  return bias.map((offset, filter) => {
    const outputs: number[] = [];
    for (let output = 0; output < samples * 16; output += 1) {
      const [sample, row, column] = [
        Math.floor(output / 16),
        Math.floor(output / 4) % 4,
        output % 4,
      ];
      let sum = offset;
      for (let tap = 0; tap < 18; tap += 1) {
        const [dy, dx, channel] = [Math.floor(tap / 6), Math.floor(tap / 2) % 3, tap % 2];
        const input = ((sample * 6 + row + dy) * 6 + column + dx) * 2 + channel;
        sum += (inputs[input] ?? NaN) * (kernel[tap * bias.length + filter] ?? NaN);
      }
      outputs.push(sum);
    }
    return outputs;
  });
}

function momentsOf(data: readonly number[]): { readonly mean: number; readonly variance: number } {
  const average = data.reduce((sum, value) => sum + value, 0) / data.length;
  return {
    mean: average,
    variance: data.reduce((sum, value) => sum + (value - average) ** 2, 0) / data.length,
  };
}

function relativeError(found = NaN, expected: number): number {
  return Math.abs(found / expected - 1);
}
