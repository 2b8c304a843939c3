// The loop, at a tiny size on wasm.
import { registerConvGradient } from '@polyak/backend-tfjs';
import { ParameterSet } from '@polyak/core';
import type { NamedTensors } from '@polyak/core';
import { modelParameters, tfjsBackend } from '@polyak/backend-tfjs';
import { cyclicLr } from '@polyak/schedules/cyclic';
import * as tf from '@tensorflow/tfjs';
import '@tensorflow/tfjs-backend-wasm';
import { beforeAll, describe, expect, it } from 'vitest';
import { train } from '../src/loop.js';
import { batchNormOf, createModel, predict } from '../src/model.js';
import { loadProblem } from '../src/problem.js';
import type { Problem } from '../src/problem.js';
import { runSeed } from '../src/run-seed.js';
import { scoreMasks } from '../src/score.js';
import type { Settings } from '../src/settings.js';

const settings: Settings = {
  seed: 3,
  pictures: 5,
  batchSize: 2,
  cycles: 3,
  cycleEpochs: 1,
  baseLr: 0.01,
  maxLr: 0.2,
  members: 2,
};
let problem: Problem;

beforeAll(async () => {
  if (!(await tf.setBackend('wasm'))) throw new Error('The wasm backend of tfjs did not load.');
  registerConvGradient(tf);
  problem = await loadProblem('test', 4);
});

describe('train', () => {
  it('averages at the bottoms of the last cycles: the float64 mean of the snapshots', async () => {
    const model = createModel(tf, settings.seed);
    const parameters = modelParameters(model.layers);
    const weights = new ParameterSet(parameters, { backend: tfjsBackend(tf) });
    const visited: NamedTensors[] = [];
    const counts: number[] = [];
    const rates: number[] = [];
    const { swa, snapshots, dispose } = await train(model, problem.drawTraining(3, 5), settings, {
      onStep() {},
      async onCycle(_, kept) {
        visited.push(await weights.read());
        counts.push(kept.swa.paramGroups[0]?.nAvg ?? NaN);
        rates.push(kept.swa.paramGroups[0]?.lr ?? NaN);
      },
    });
    expect(counts).toEqual([0, 1, 2]);
    expect(snapshots.length).toBe(2);
    // Bottoms are steps 2, 4 and 6, counted from 0. The rate is that of the next step already.
    const schedule = cyclicLr({ baseLr: 0.01, maxLr: 0.2, stepSizeUp: 1 });
    expect(rates.map((rate) => rate.toFixed(6))).toEqual(
      [3, 5, 7].map((step) => schedule(step).toFixed(6)),
    );

    const mean = await snapshots.mean();
    const { averages } = await swa.stateDict();
    for (const { name } of parameters) {
      const [one, other] = visited.slice(1).map((values) => values[name]?.data ?? []);
      const average = averages['swa']?.swaState[name]?.data ?? [];
      expect(average.length).toBeGreaterThan(0);
      for (let index = 0; index < average.length; index += 1) {
        const expected = (Number(one?.[index]) + Number(other?.[index])) / 2;
        expect(mean[name]?.data[index]).toBe(Math.fround(expected));
        expect(Math.abs(Number(average[index]) - expected)).toBeLessThan(1e-6);
      }
    }
    await dispose();
    model.layers.dispose();
  });

  it('keeps snapshots that predict what the network predicted then', async () => {
    const model = createModel(tf, settings.seed);
    const { scored } = problem;
    const then: Float32Array[] = [];
    const { snapshots, dispose } = await train(model, problem.drawTraining(3, 5), settings, {
      onStep() {},
      onCycle: async () => void then.push(await predict(model, scored, 8)),
    });
    expect(await snapshots.withEach(async () => predict(model, scored, 8))).toEqual(then.slice(1));
    await dispose();
    model.layers.dispose();
  });
});

describe('runSeed', () => {
  const observer = { onStep() {}, onCycle() {} };

  it('is deterministic in the seed, and frees its tensors', async () => {
    const before = tf.memory().numTensors;
    const { seconds, ...first } = await runSeed(tf, problem, settings, observer);
    // tfjs's momentum keeps its learning rate, also after dispose.
    expect(tf.memory().numTensors).toBe(before + 1);
    const { seconds: other, ...again } = await runSeed(tf, problem, settings, observer);
    expect(again).toEqual(first);
    expect(Math.min(seconds, other)).toBeGreaterThan(0);
  });

  it('scores the last iterate and the average as the last cycle did', async () => {
    const { cycles, scores } = await runSeed(tf, problem, settings, observer);
    expect(cycles.map(({ cycle }) => cycle)).toEqual([1, 2, 3]);
    expect(cycles.map(({ average }) => average === undefined)).toEqual([true, false, false]);
    expect(cycles[2]?.snapshot).toEqual(scores.last);
    expect(cycles[2]?.average?.logLoss).toBeCloseTo(scores['average-bn-update'].logLoss, 6);
  });
});

describe('the U-Net', () => {
  it('gives a probability for each pixel, and reads all pictures in any batch size', async () => {
    const model = createModel(tf, 1);
    const { scored } = problem;
    const [one, three] = [await predict(model, scored, 1), await predict(model, scored, 3)];
    expect(one.length).toBe(scored.masks.length);
    expect(one.every((value) => value > 0 && value < 1)).toBe(true);
    expect(Math.max(...one.map((value, index) => Math.abs(value - (three[index] ?? NaN))))).toBe(0);
    expect(scoreMasks(one, scored.masks).iou).toBeLessThan(0.5);
    expect(batchNormOf(model, scored, 4).model.layers.length).toBe(14);
    model.layers.dispose();
  });
});
