import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { loadTensorFlow } from '@polyak/backend-tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { readLines } from '@polyak/example-shared/json-lines';
import { runSeed } from '../src/run-seed.js';
import { RUNS } from '../src/runs.js';
import { type EpochLine, train } from '../src/train.js';
import { sectors } from './fixture.js';

const parts = await sectors.read();
const { tf } = await loadTensorFlow({ backends: ['wasm'] });

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'polyak-other-tasks-'));
});
afterAll(async () => rm(folder, { recursive: true }));

describe('a training', () => {
  for (const run of RUNS) {
    const options = { task: sectors, parts, split: 'test', seed: 1, run, lr: 0.05 } as const;

    it(`by ${run.name} scores all averages, and is the same each time`, async () => {
      const { numTensors } = tf.memory();
      const lines = await train(tf, options);
      // tfjs keeps the rate of a momentum optimizer that was disposed of.
      expect(tf.memory().numTensors - numTensors).toBeLessThanOrEqual(1);
      expect(lines.map(({ epoch }) => epoch)).toEqual([1, 2]);
      const names = run.averages.map(({ name }) => name);
      expect(Object.keys(lines[1]?.scores ?? {})).toEqual(['live', ...names]);
      expect(Object.keys(lines[1]?.costs ?? {})).toEqual(names);
      expect(await train(tf, options)).toEqual(lines);
    });
  }

  it('counts the batches that update batch norm, and the bytes of an average', async () => {
    const [sgd = expect.fail()] = RUNS;
    const options = { task: sectors, parts, split: 'test', seed: 1, run: sgd, lr: 0.05 } as const;
    const { costs } = (await train(tf, options)).at(-1) ?? {};
    const weights = 2 * 16 + 16 + 2 * 16 + 16 * 3 + 3;
    expect(costs?.['ema-0.99']).toEqual({ forwardPasses: 7, memoryBytes: 4 * weights });
  });

  it('with tiny steps has averages that are alike', async () => {
    const [, constant = expect.fail()] = RUNS;
    const slow = { ...constant, schedule: () => () => 1e-7 };
    const options = { task: sectors, parts, split: 'test', seed: 1, run: slow, lr: 0.05 } as const;
    const { scores = {} } = (await train(tf, options)).at(-1) ?? {};
    const { live, ...averages } = scores;
    expect(live).toBeDefined();
    const losses = Object.values(averages).map(({ logLoss }) => logLoss);
    expect(losses).toHaveLength(5);
    for (const logLoss of losses) expect(logLoss).toBeCloseTo(losses[0] ?? NaN, 4);
  });
});

describe('the trainings of a seed', () => {
  it('go on where they were cut off, and end with the same lines', async () => {
    const options = { task: sectors, parts, split: 'validation', seed: 3 } as const;
    const [whole, cut] = [join(folder, 'whole.jsonl'), join(folder, 'cut.jsonl')];
    await runSeed(tf, { ...options, file: whole });
    const stop = (): never => {
      throw new Error('stopped');
    };
    for (let count = 0; count < 3; count += 1) {
      const stopped = runSeed(tf, { ...options, file: cut, onTraining: stop });
      await expect(stopped).rejects.toThrow('stopped');
    }
    await runSeed(tf, { ...options, file: cut });
    expect(await readFile(cut, 'utf8')).toBe(await readFile(whole, 'utf8'));
    const lines = await readLines<EpochLine>(whole);
    expect(lines.map(({ run, lr, epoch }) => `${run} ${lr} ${epoch}`)).toEqual([
      'sgd 0.05 1',
      'sgd 0.05 2',
      'sgd 0.1 1',
      'sgd 0.1 2',
      'sgd-constant 0.05 1',
      'sgd-constant 0.05 2',
      'adam 0.01 1',
      'adam 0.01 2',
      'adam-annealed 0.01 1',
      'adam-annealed 0.01 2',
    ]);
  });
});
