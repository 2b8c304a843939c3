// A ResNet with batch norm, trained in ONNX Runtime by the step that export_step.py exported,
// against torch.optim.SGD and torch.optim.swa_utils.
import {
  batchNormModel,
  loadOnnxModel,
  onnxBackend,
  trainStepOptimizer,
} from '@polyak/backend-onnx';
import { bnUpdate, SWA } from '@polyak/core';
import * as ort from 'onnxruntime-node';
import { expect, it } from 'vitest';
import {
  BATCHES,
  batchOf,
  largestDifference,
  LR,
  pathOf,
  STEPS,
  SWA_FREQ,
  SWA_LR,
  SWA_START,
  torchLosses,
  torchTensors,
} from './torch-fixture.js';

it('trains, averages and updates batch norm as PyTorch does, over 100 steps', async () => {
  const model = await loadOnnxModel(ort, pathOf('resnet.onnx'));
  const cells = [...model.initializers.values()];
  const statistics = cells.filter((cell) => !model.parameters.includes(cell));
  const optimizer = await trainStepOptimizer(ort, pathOf('resnet-step.onnx'), {
    parameters: model.parameters,
    state: statistics,
    lr: LR,
  });
  const backend = await onnxBackend(ort);
  const schedule = { swaStart: SWA_START, swaFreq: SWA_FREQ, swaLr: SWA_LR };
  const swa = new SWA(optimizer, { backend, ...schedule });
  const batches = Array.from({ length: BATCHES }, (_, index) => batchOf(index));

  const losses: number[] = [];
  for (let step = 1; step <= STEPS; step += 1) {
    const batch = batches[step % BATCHES] ?? {};
    losses.push((await swa.step(async () => optimizer.minimize(batch))) ?? Number.NaN);
  }
  const expected = torchLosses();
  const errors = losses.map((loss, n) => Math.abs(loss - (expected[n] ?? Number.NaN)));
  expect(Math.max(...errors)).toBeLessThan(1e-5);
  expect(largestDifference(cells, torchTensors('final'))).toBeLessThan(1e-5);

  await swa.swapSwaSgd();
  const averaged = torchTensors('averaged');
  expect(largestDifference(model.parameters, averaged)).toBeLessThan(1e-5);
  const batchNorm = batchNormModel(ort, model);
  await bnUpdate(
    batches.map(({ images }) => ({ images })),
    batchNorm,
    { statistics: 'unweighted' },
  );
  expect(largestDifference(statistics, averaged)).toBeLessThan(1e-5);

  for (const held of [batchNorm, optimizer, model, backend]) await held.release();
});
