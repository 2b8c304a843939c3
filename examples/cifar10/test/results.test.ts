// The committed lines fit each other: those of epochs, and those of methods.
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { describe, expect, it } from 'vitest';

import { readLines } from '@polyak/example-shared/json-lines';
import type { MethodLine } from '../src/methods/measure-seed.js';
import type { EpochLine } from '../src/training/surroundings.js';

const RESULTS = fileURLToPath(new URL('../results', import.meta.url));

const methods = await readLines<MethodLine>(join(RESULTS, 'methods.jsonl'));
const files = (await readdir(RESULTS)).filter((name) => name.startsWith('seed-'));
const epochs: EpochLine[] = [];
for (const name of files) epochs.push(...(await readLines<EpochLine>(join(RESULTS, name))));

/** What methods must have measured, by the last epochs of the legs. */
const expected = epochs.flatMap(({ seed, leg, epoch, live, averages = [] }) => {
  const [, kind = '', budget] = /^(sgd|swa-[\d.]+)-(\d+)$/.exec(leg) ?? [];
  if (epoch !== Number(budget)) return [];
  const line = { seed, budget: epoch };
  return [
    { ...line, method: kind === 'sgd' ? 'sgd' : `${kind}/last`, score: live },
    ...averages.flatMap(({ oldStatistics, updatedStatistics, ...average }) => {
      const method = `${kind}/${average.name.replace('swa-', '')}`;
      return [
        { ...line, method, score: updatedStatistics },
        { ...line, method: `${method}/old-bn`, score: oldStatistics },
      ];
    }),
  ];
});

/** The last weights of runs that were scored: each must have its epochs. */
const scored = methods.filter(
  ({ experiment, method }) =>
    experiment === 'cifar10' && (method === 'sgd' || /^swa-[\d.]+\/last$/.test(method)),
);

describe('committed results', () => {
  it('have epochs of each seed', () => {
    expect(files.length).toBeGreaterThan(0);
    expect(expected.length).toBeGreaterThanOrEqual(4 * files.length);
  });

  it.each(expected)('has $method of seed $seed at $budget as its last epoch', (one) => {
    const line = methods.find(
      ({ experiment, seed, budget, method }) =>
        experiment === 'cifar10' &&
        seed === one.seed &&
        budget === one.budget &&
        method === one.method,
    );
    expect(line?.accuracy).toBeCloseTo(100 * (one.score?.accuracy ?? NaN), 4);
    expect(line?.logLoss).toBeCloseTo(one.score?.logLoss ?? NaN, 4);
    expect(line?.ece).toBeCloseTo(one.score?.ece ?? NaN, 4);
  });

  it.each(scored)(
    'has the epochs of $method, of seed $seed at $budget',
    ({ seed, budget, method }) => {
      expect(expected).toContainEqual(expect.objectContaining({ seed, budget, method }));
    },
  );

  it('has calibration errors that the bins give', () => {
    const binned = methods.filter(({ bins }) => bins !== undefined);
    expect(binned.length).toBeGreaterThan(0);
    for (const { bins = [], ece } of binned) {
      const images = bins.reduce((sum, { count }) => sum + count, 0);
      const gaps = bins.map(
        ({ count, confidence, accuracy }) => (count * Math.abs(confidence - accuracy)) / images,
      );
      expect(gaps.reduce((sum, gap) => sum + gap, 0)).toBeCloseTo(ece, 4);
    }
  });
});
