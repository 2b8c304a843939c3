// SWAG on every backend: what it collects, shows the model, puts back and saves.
import { fromSafetensors, toSafetensors } from '@polyak/core';
import type { NamedTensors } from '@polyak/core';
import type { BackendHarness } from '@polyak/core/conformance';
import type { BatchNormModel, RunningStatistics } from '@polyak/core/interfaces';
import { SWAG } from '@polyak/ensemble';
import { expect } from 'vitest';
import { cpuHarness } from '../support/cpu-harness.js';
import { random } from '../support/sgd.js';
import { referenceOf } from '../support/swag-reference.js';
import { liveModel } from './live-model.js';
import type { LiveModel } from './live-model.js';
import { onEveryBackend } from './on-every-backend.js';
import type { Checks } from './on-every-backend.js';

const STATISTICS: RunningStatistics = { mean: Float64Array.of(-1), variance: Float64Array.of(7) };

/** One layer whose batch mean is what `mean` says. */
function batchNormOf(mean: () => Promise<number>): {
  readonly model: BatchNormModel<string>;
  readonly statistics: () => RunningStatistics;
} {
  let statistics = STATISTICS;
  const layer = {
    name: 'norm',
    identity: {},
    channels: 1,
    trainable: true,
    varianceKind: 'population',
    read: () => statistics,
    write: (written: RunningStatistics) => void (statistics = written),
  } as const;
  return {
    model: {
      layers: [layer],
      sampleCount: () => 1,
      batchMoments: async () => [
        { mean: Float64Array.of(await mean()), variance: Float64Array.of(1), count: 1 },
      ],
    },
    statistics: () => statistics,
  };
}

/** A model of two float32 tensors. */
function modelOn<T>(harness: BackendHarness<T>): Promise<LiveModel<T>> {
  return liveModel(harness, {
    kernel: { dtype: 'float32', shape: [3, 2], data: new Float32Array(6) },
    bias: { dtype: 'float32', shape: [2], data: new Float32Array(2) },
  });
}

/** Shows `swag` `count` models, and returns what it was shown. */
async function visit<T>(
  model: LiveModel<T>,
  swag: SWAG<T>,
  count: number,
  seed = 1,
): Promise<readonly NamedTensors[]> {
  const uniform = random(seed);
  const visited: NamedTensors[] = [];
  for (let n = 0; n < count; n += 1) {
    const live = Object.entries(await model.weights.read()).map(([name, tensor]) => [
      name,
      tensor.dtype === 'float32'
        ? {
            ...tensor,
            data: Float32Array.from({ length: tensor.data.length }, () => 10 + uniform()),
          }
        : tensor,
    ]);
    const weights = Object.fromEntries(live) as NamedTensors;
    await model.weights.write(weights);
    await swag.collect();
    visited.push(weights);
  }
  return visited;
}

function numbers(tensors: NamedTensors, name: string): number[] {
  return Array.from(tensors[name]?.data ?? [], Number);
}

/** Each number to `tolerance`, relative to the largest. */
function expectClose(
  found: readonly number[],
  expected: readonly number[],
  tolerance: number,
): void {
  expect(found.length).toBe(expected.length);
  const largest = Math.max(...expected.map(Math.abs));
  found.forEach((value, i) => {
    expect(Math.abs(value - (expected[i] ?? NaN))).toBeLessThanOrEqual(tolerance * largest);
  });
}

const CHECKS: Checks = {
  async 'collects mean, variance and deviations of the weights, to 1e-12 of those of float64'(
    harness,
  ) {
    const model = await modelOn(harness);
    const swag = new SWAG(model.parameters, { backend: model.backend, rank: 3 });
    const visited = await visit(model, swag, 7);
    const { mean, variance, deviations } = referenceOf(
      visited.map((weights) => numbers(weights, 'kernel')),
      3,
    );
    const state = await swag.stateDict();
    expect(state.nModels).toBe(7);
    expectClose(numbers(state.mean, 'kernel'), mean, 1e-12);
    expectClose(numbers(state.variance, 'kernel'), variance, 1e-12);
    expect(state.deviations.length).toBe(3);
    // Held in float32.
    deviations.forEach((row, k) =>
      expectClose(numbers(state.deviations[k] ?? {}, 'kernel'), row, 1e-6),
    );
  },
  async 'draws the same bits as on the CPU backend'(harness) {
    const [model, cpu] = [await modelOn(harness), await modelOn(cpuHarness('js'))];
    const swags = [
      new SWAG(model.parameters, { backend: model.backend, rank: 3, seed: 5 }),
      new SWAG(cpu.parameters, { backend: cpu.backend, rank: 3, seed: 5 }),
    ] as const;
    await visit(model, swags[0], 5);
    await visit(cpu, swags[1], 5);
    for (const options of [{}, { block: true, scale: 0.5 }]) {
      expect(await swags[0].sample(options)).toEqual(await swags[1].sample(options));
    }
  },
  async 'shows the model a sample, and puts back what it held, also where the function fails'(
    harness,
  ) {
    const model = await modelOn(harness);
    const [swag, twin] = [
      new SWAG(model.parameters, { backend: model.backend, rank: 3 }),
      new SWAG(model.parameters, { backend: model.backend, rank: 3 }),
    ];
    await visit(model, swag, 5);
    await twin.loadStateDict(await swag.stateDict());
    const live = await model.weights.read();
    expect(await swag.withSample(model.held)).toEqual(await twin.sample());
    expect(await model.weights.read()).toEqual(live);
    const before = await swag.stateDict();
    const failing = swag.withSample(() => {
      throw new Error('no score');
    });
    await expect(failing).rejects.toThrow('no score');
    expect(await model.weights.read()).toEqual(live);
    expect(await swag.stateDict()).toEqual(before);
  },
  async 'averages predictions over samples and restores the model, also after a failure'(harness) {
    const model = await modelOn(harness);
    const [swag, twin] = [
      new SWAG(model.parameters, { backend: model.backend }),
      new SWAG(model.parameters, { backend: model.backend }),
    ];
    await visit(model, swag, 5);
    await twin.loadStateDict(await swag.stateDict());
    const live = await model.weights.read();
    const predict = async (): Promise<number[]> => numbers(await model.held(), 'bias');
    const average = await swag.bayesianModelAverage(4, predict, { scale: 2 });
    const samples: number[][] = [];
    for (let n = 0; n < 4; n += 1) samples.push(numbers(await twin.sample({ scale: 2 }), 'bias'));
    expectClose([...average], referenceOf(samples, 0).mean, 1e-14);
    expect(await model.weights.read()).toEqual(live);

    const before = await swag.stateDict();
    let calls = 0;
    const failing = swag.bayesianModelAverage(4, async () => {
      if ((calls += 1) === 3) throw new Error('out of memory');
      return predict();
    });
    await expect(failing).rejects.toThrow('out of memory');
    expect(calls).toBe(3);
    expect(await model.weights.read()).toEqual(live);
    expect(await swag.stateDict()).toEqual(before);
  },
  async 'updates batch norm for each sample, and puts its statistics back'(harness) {
    const model = await modelOn(harness);
    const swag = new SWAG(model.parameters, { backend: model.backend, seed: 3 });
    await visit(model, swag, 4);
    const bias = async (): Promise<number> => numbers(await model.held(), 'bias')[0] ?? NaN;
    const norm = batchNormOf(bias);
    const seen: number[] = [];
    await swag.bayesianModelAverage(
      3,
      async () => {
        seen.push((norm.statistics().mean[0] ?? NaN) - (await bias()));
        return [0];
      },
      { batchNorm: { model: norm.model, loader: ['batch'] } },
    );
    expect(seen).toEqual([0, 0, 0]);
    expect(norm.statistics()).toEqual(STATISTICS);
    const failing = swag.withSample(async () => Promise.reject(new Error('no score')), {
      batchNorm: { model: norm.model, loader: ['batch'] },
    });
    await expect(failing).rejects.toThrow('no score');
    expect(norm.statistics()).toEqual(STATISTICS);
  },
  async 'goes on bit for bit from the bytes of its state'(harness) {
    const model = await modelOn(harness);
    const swag = new SWAG(model.parameters, { backend: model.backend, rank: 4, seed: 11 });
    await visit(model, swag, 6);
    await swag.sample();
    const other = new SWAG(model.parameters, { backend: model.backend, rank: 4 });
    await other.loadStateDict(fromSafetensors(toSafetensors(await swag.stateDict())));
    for (const each of [swag, other]) await visit(model, each, 3, 100);
    expect(await other.sample()).toEqual(await swag.sample());
    expect(await other.stateDict()).toEqual(await swag.stateDict());
  },
  async 'copies tensors that are no floats, where the backend has them'(harness) {
    if (!harness.backend.dtypes.includes('int32')) return;
    const steps = { dtype: 'int32', shape: [2], data: Int32Array.of(7, -1) } as const;
    const floats = await modelOn(harness);
    const model = await liveModel(harness, { ...(await floats.held()), steps });
    const swag = new SWAG(model.parameters, { backend: model.backend });
    await visit(model, swag, 3);
    await model.weights.write({
      ...(await model.weights.read()),
      steps: { ...steps, data: Int32Array.of(8, 9) },
    });
    expect((await swag.sample())['steps']).toEqual(steps);
    const seen = await swag.withSample(model.held);
    expect(seen['steps']).toEqual(steps);
    expect([...((await model.weights.read())['steps']?.data ?? [])]).toEqual([8, 9]);
  },
};

onEveryBackend(CHECKS);
