// Batches whose activations are not finite: refused, skipped or merged.
import { bnUpdate } from '@polyak/core';
import type { BnUpdateOptions } from '@polyak/core';
import { describe, expect, it } from 'vitest';
import { layer, modelOf } from '../support/sample-batches.js';
import type { Batch } from '../support/sample-batches.js';

const GOOD: readonly Batch[] = [
  [
    [1, 2],
    [3, 5],
  ],
  [
    [4, 1],
    [2, 8],
    [0, 3],
  ],
];
const BAD: Batch = [
  [1, NaN],
  [2, 2],
];
const LOADER = [BAD, ...GOOD, BAD];

async function statisticsAfter(loader: readonly Batch[], options: BnUpdateOptions) {
  const fakes = [layer('a'), layer('b')];
  await bnUpdate(loader, modelOf(fakes), options);
  return fakes.map(({ statistics: { mean, variance } }) => [[...mean], [...variance]]);
}

describe.each(['cumulative', 'unweighted', 'pooled'] as const)('%s statistics', (statistics) => {
  it('leave out the batches that are skipped, and warn with their number', async () => {
    const warnings: string[] = [];
    const onWarning = (message: string): void => void warnings.push(message);
    const options = { statistics, nonFinite: 'skip', onWarning } as const;
    expect(await statisticsAfter(LOADER, options)).toEqual(
      await statisticsAfter(GOOD, { statistics }),
    );
    expect(warnings).toEqual([
      'bnUpdate: batch 0, layer "a": channel 1 has mean NaN and variance NaN. Skipped 2 of 4 ' +
        'batches.',
    ]);
  });

  it('are refused by default, and become NaN where that is allowed', async () => {
    await expect(statisticsAfter(LOADER, { statistics })).rejects.toThrow(
      'bnUpdate: batch 0, layer "a": channel 1 has mean NaN and variance NaN. The statistics are',
    );
    const merged = await statisticsAfter(LOADER, { statistics, nonFinite: 'allow' });
    expect(merged.flat().map(([first, second]) => [Number.isNaN(first), second])).toEqual(
      merged.flat().map(() => [false, NaN]),
    );
  });
});

it('a loader with nothing finite gives no statistics', async () => {
  const options = { nonFinite: 'skip', onWarning: () => {} } as const;
  await expect(statisticsAfter([BAD, BAD], options)).rejects.toMatchObject({
    code: 'ERR_EMPTY_LOADER',
    message: expect.stringContaining('no batch that is finite') as string,
  });
});

it('skipped batches count among those that are read', async () => {
  const options = { maxBatches: 2, nonFinite: 'skip', onWarning: () => {} } as const;
  expect(await statisticsAfter(LOADER, options)).toEqual(
    await statisticsAfter(GOOD.slice(0, 1), {}),
  );
});
