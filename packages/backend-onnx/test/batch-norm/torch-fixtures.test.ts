// Models that PyTorch exported: bnUpdate on ONNX Runtime gives what PyTorch, torchcontrib and NumPy
// give.
import { batchNormModel, loadOnnxModel } from '@polyak/backend-onnx';
import * as ort from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { expectAgreement, FIXTURES, pathOf } from './torch-agreement.js';

describe.each(['reduce-mean', 'training-mode'] as const)('bnUpdate by %s on cpu', (reduction) => {
  it.each(FIXTURES)('gives what update_bn, torchcontrib and float64 give: %s', async (name) => {
    await expectAgreement(name, { reduction, provider: 'cpu' });
  });
});

it('recognises the model whose batch norm PyTorch folded into its convolutions', async () => {
  const model = await loadOnnxModel(ort, pathOf('conv-folded.onnx'));
  expect(() => batchNormModel(ort, model)).toThrow(
    /has no BatchNormalization node. It may have been folded into the Conv or Gemm nodes/,
  );
  await model.release();
});

it('refuses fresh statistics that PyTorch merged with scales, and takes kept ones', async () => {
  const merged = await loadOnnxModel(ort, pathOf('fresh-merged.onnx'));
  expect(() => batchNormModel(ort, merged)).toThrow(
    /"0.bias" holds running statistics .* used in two ways.* keep_initializers_as_inputs=True/,
  );
  const kept = await loadOnnxModel(ort, pathOf('fresh-kept.onnx'));
  expect(batchNormModel(ort, kept).layers.map(({ name }) => name)).toEqual(['0', '2']);
  await merged.release();
  await kept.release();
});
