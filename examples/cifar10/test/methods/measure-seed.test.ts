// Two seeds on wasm, trained and measured from end to end.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { readLines } from '@polyak/example-shared/json-lines';
import { collect } from '../../src/methods/collect.js';
import { type MethodLine, measureSeed } from '../../src/methods/measure-seed.js';
import { methodsOf } from '../../src/methods/methods.js';
import { loadTfjs } from '@polyak/example-shared/load-tfjs';
import { legsOf } from '../../src/plan/plan.js';
import type { EpochLine, Surroundings } from '../../src/training/surroundings.js';
import { trainSeeds } from '../../src/training/train-seeds.js';
import { noise, tinySettings } from '../fixture.js';

const plan = legsOf({ epochs: 20, initialRate: 0.05, averageEvery: 1 });
const problem = { train: noise(16, 1), test: noise(10, 2) };

let root = '';
let seeds: readonly Surroundings[] = [];
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'polyak-cifar10-'));
  const { tf } = await loadTfjs('wasm', () => {});
  seeds = [1, 2].map((seed) => ({
    tf,
    settings: { ...tinySettings, seed, scoreEvery: 20 },
    problem,
    folder: join(root, `seed-${seed}`),
  }));
  await trainSeeds(plan, seeds.slice(0, 1));
  await trainSeeds(plan.slice(0, 1), seeds.slice(1));
}, 120_000);
afterAll(async () => rm(root, { recursive: true, force: true, maxRetries: 5 }));

async function measure(index: number): Promise<readonly MethodLine[]> {
  const [own, partner] = index === 0 ? seeds : seeds.toReversed();
  if (own === undefined) throw new Error(`There is no seed ${index}.`);
  const lines: MethodLine[] = [];
  const validation = noise(10, 3);
  await measureSeed(own, {
    methods: methodsOf(plan, 20, { partner, hasValidation: true }),
    scored: [
      { experiment: 'tiny', images: problem.test },
      { experiment: 'tiny-validation', images: validation },
    ],
    validation,
    machine: 'a test',
    onLine: (line) => void lines.push(line),
  });
  return lines;
}

describe('measureSeed', { timeout: 120_000 }, () => {
  let lines: readonly MethodLine[] = [];

  it('measures each method on each set of images', async () => {
    lines = await measure(0);
    const names = lines.map(
      ({ experiment, budget, method }) => `${experiment} ${budget} ${method}`,
    );
    expect(new Set(names).size).toBe(names.length);
    const methods = new Set(lines.map(({ method }) => method));
    for (const name of [
      'sgd',
      'sgd/ema-0.999',
      'sgd/last-50',
      'swa-0.025/from-75',
      'swa-0.01/from-90/old-bn',
      'constant/swa/from-60',
      'constant/wsm-cosine/last-25',
      'snapshots',
      'snapshots/member-5',
      'fge-2/mean-of-weights',
      'swag',
      'swag/diagonal',
      'soup-of-endings/uniform',
      'soup-of-endings/greedy',
      'two-seeds/sgd-20/ensemble',
      'chosen-start/trunk',
    ]) {
      expect(methods).toContain(name);
    }
    for (const { accuracy, logLoss, ece } of lines) {
      expect([accuracy, logLoss, ece].every(Number.isFinite)).toBe(true);
    }
  });

  it('scores an average as its training did', async () => {
    const epochs = await readLines<EpochLine>(join(root, 'seed-1', 'run.jsonl'));
    const trained = epochs.find(({ leg, epoch }) => leg === 'swa-0.025-20' && epoch === 20);
    const scoreOf = (method: string): readonly (number | undefined)[] => {
      const line = lines.find((each) => each.budget === 20 && each.method === method);
      return [line?.accuracy, line?.logLoss, line?.ece];
    };
    const { oldStatistics, updatedStatistics } = trained?.averages?.[0] ?? {};
    for (const [method, score] of [
      ['swa-0.025/last', trained?.live],
      ['swa-0.025/from-50', updatedStatistics],
      ['swa-0.025/from-50/old-bn', oldStatistics],
    ] as const) {
      const [accuracy = NaN, logLoss = NaN, ece = NaN] = scoreOf(method);
      expect(accuracy).toBeCloseTo(100 * (score?.accuracy ?? NaN), 5);
      expect(logLoss).toBeCloseTo(score?.logLoss ?? NaN, 5);
      expect(ece).toBeCloseTo(score?.ece ?? NaN, 5);
    }
  });

  it('counts what methods cost', () => {
    const costOf = (method: string): readonly (number | undefined)[] => {
      const line = lines.find((each) => each.budget === 20 && each.method === method);
      return [line?.forwardPasses, line?.memoryBytes];
    };
    const [, bytes = NaN] = costOf('swa-0.025/from-75');
    expect(costOf('sgd')).toEqual([0, 0]);
    expect(costOf('swa-0.025/from-75')).toEqual([2, bytes]); // batches of training images
    expect(costOf('constant/wsm-linear/last-50')).toEqual([2, 10 * bytes]);
    expect(costOf('swag')).toEqual([30 * 2 + 29 * 2, 24 * bytes]);
    expect(costOf('snapshots')[0]).toBe(4 * 2); // passes over ten test images, eight at once
    const soup = lines.find(({ method }) => method === 'soup-of-endings/uniform');
    expect(soup?.budget).toBe(10 + 3 * 10);
  });

  it('says what was chosen on validation images', () => {
    const choices = lines.flatMap(({ choice }) => choice ?? []);
    expect(
      choices.filter((choice) => /^epochs 1\d to 20$|^epochs 20 to 20$/.test(choice)),
    ).toHaveLength(2);
    expect(choices.filter((choice) => choice.includes('-20'))).toHaveLength(2);
  });

  it('measures each once, and what was trained since', async () => {
    expect(await measure(0)).toEqual([]);
    const other = await measure(1);
    expect(other.map(({ method }) => method)).toContain('two-seeds/sgd-20/mean-of-weights');
    expect(other.map(({ method }) => method)).not.toContain('swa-0.025/from-75');
  });

  it('collects the lines of all seeds, sorted', async () => {
    await collect(
      seeds.map(({ folder }) => folder),
      root,
    );
    const collected = await readLines<MethodLine>(join(root, 'methods.jsonl'));
    const sgd = collected.filter((line) => line.method === 'sgd' && line.budget === 20);
    expect(sgd.map(({ experiment, seed }) => [experiment, seed])).toEqual([
      ['tiny', 1],
      ['tiny', 2],
      ['tiny-validation', 1],
      ['tiny-validation', 2],
    ]);
    const withBins = collected.filter(({ bins }) => bins !== undefined);
    expect(new Set(withBins.map(({ method, budget }) => `${method} ${budget}`))).toEqual(
      new Set([
        'fge-2 20',
        'fge-4 20',
        'sgd 20',
        'snapshots 20',
        'swa-0.01/from-75 20',
        'swa-0.025/from-75 20',
        'swag 20',
        'swag/diagonal 20',
      ]),
    );
    expect(withBins[0]?.bins?.reduce((sum, { count }) => sum + count, 0)).toBe(10);
  });
});
