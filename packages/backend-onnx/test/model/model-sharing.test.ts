// Several owners of one model, and exchanges of weights while it runs.
import { batchNormModel, onnxBackend } from '@polyak/backend-onnx';
import { AveragedModel } from '@polyak/core';
import { exponential } from '@polyak/core/rules';
import * as ort from 'onnxruntime-node';
import { expect, it } from 'vitest';
import { load as loadBatchNormed } from '../batch-norm/batch-norm-models.js';
import { modelBytes } from '../model-builder.js';
import { f32, feeds, gemm, numbers, withModel } from '../small-model.js';

it('refuses what others do with the weights while averages are in the model', async () => {
  const backend = await onnxBackend(ort);
  await withModel(modelBytes(gemm()), async ({ parameters, initializers }) => {
    const one = new AveragedModel(parameters, { backend });
    const other = new AveragedModel([...initializers.values()], { backend });
    await one.update();
    await other.update();
    await one.withAveraged(async () => {
      await expect(other.update()).rejects.toMatchObject({ code: 'ERR_SWAPPED' });
      const swap = other.withAveraged(() => undefined);
      await expect(swap).rejects.toMatchObject({ code: 'ERR_SWAPPED' });
    });
    await other.update();
  });
  await backend.release();
});

it('gives a batch-norm layer the same identity in every batchNormModel', async () => {
  const loaded = await loadBatchNormed();
  const [one, other] = [batchNormModel(ort, loaded), batchNormModel(ort, loaded)];
  const identities = one.layers.map(({ identity }) => identity);
  expect(other.layers.map(({ identity }) => identity)).toEqual(identities);
  expect(new Set(identities).size).toBe(2);
  await loaded.release();
});

it('computes each run with the weights of its start, whatever is exchanged meanwhile', async () => {
  const backend = await onnxBackend(ort);
  await withModel(modelBytes(gemm([1, 0, 0, 1], [0, 0])), async (loaded) => {
    const average = new AveragedModel(loaded.parameters, { backend, rule: exponential(0.5) });
    const runs: Promise<Record<string, ort.Tensor>>[] = [];
    const expected: number[][] = [];
    const start = (): void => {
      const [w = [], b = []] = loaded.parameters.map((cell) => numbers(cell.get()));
      const [w00 = 0, w01 = 0, w10 = 0, w11 = 0] = w;
      expected.push([2 * (w00 + w10) + (b[0] ?? 0), 2 * (w01 + w11) + (b[1] ?? 0)]);
      runs.push(loaded.run(feeds()));
    };
    for (let step = 1; step <= 40; step += 1) {
      await loaded.initializers.get('w')?.set(f32([step, 2 * step, 0, 1], [2, 2]));
      await loaded.initializers.get('b')?.set(f32([step, -step], [2]));
      start();
      await average.update();
      start();
      await average.withAveraged(start);
    }
    const found = (await Promise.all(runs)).flatMap(({ y }) => numbers(y));
    // Apart from rounding: the weights of two starts differ by far more.
    const errors = expected.flat().map((number, n) => Math.abs((found[n] ?? NaN) - number));
    expect(Math.max(...errors)).toBeLessThan(1e-4);
    expect(found).toHaveLength(240);
    await average.dispose();
  });
  expect(backend.memory()).toEqual({ tensors: 0, sessions: 0 });
  await backend.release();
});
