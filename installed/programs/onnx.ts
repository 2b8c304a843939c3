// ONNX Runtime: a model is loaded, averaged, run and saved.
import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { averageModels, loadOnnxModel, onnxBackend } from '@polyak/backend-onnx';
import { AveragedModel } from '@polyak/core';
import * as ort from 'onnxruntime-node';

const model = await loadOnnxModel(ort, 'model.onnx');
const backend = await onnxBackend(ort);
const average = new AveragedModel(model.parameters, { backend });
const values = () => model.parameters.flatMap(({ get }) => [...(get().data as Float32Array)]);
const first = values();
const files = ['first.onnx', 'second.onnx'];
for (const file of files) {
  await average.update();
  await model.save(file);
  for (const { get, set } of model.parameters) {
    const { data, dims } = get();
    set(
      new ort.Tensor(
        'float32',
        (data as Float32Array).map((value) => 2 * value),
        dims,
      ),
    );
  }
}
const averaged = await average.withAveraged(values);
averaged.forEach((value, i) => assert.ok(Math.abs(value - 1.5 * (first[i] ?? NaN)) < 1e-6));
assert.deepEqual(
  values(),
  first.map((value) => 4 * value),
);

const fromFiles = await averageModels(ort, files);
for (const [i, { get }] of fromFiles.parameters.entries()) {
  const { data, dims } = get();
  const shown = await average.withAveraged(() => model.parameters[i]?.get());
  assert.deepEqual(dims, shown?.dims);
  (data as Float32Array).forEach((value, n) => {
    assert.ok(Math.abs(value - Number(shown?.data[n])) < 1e-6);
  });
}
await average.dispose();
for (const held of [fromFiles, model, backend]) await held.release();
await Promise.all(files.map(async (file) => rm(file)));
