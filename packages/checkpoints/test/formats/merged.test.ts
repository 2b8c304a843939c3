// Merges of ONNX and TensorFlow.js models by their paths.
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mean } from '@polyak/checkpoints';
import { mergeFiles, openCheckpoint } from '@polyak/checkpoints/node';
import { afterAll, beforeEach, expect, it } from 'vitest';
import { external, f32, model, modelBytes, tensor } from './onnx-models.js';
import { bytesOf, floatsOf } from './outputs.js';
import { modelFiles } from './tfjs-models.js';

const folders: string[] = [];
let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'polyak-merged-'));
  folders.push(folder);
});
afterAll(async () => {
  for (const made of folders) await rm(made, { recursive: true });
});

const halfs = (...bits: readonly number[]): Uint8Array<ArrayBuffer> =>
  new Uint8Array(Uint16Array.from(bits).buffer);

/** An ONNX model with its data in the model, in numbers, and in a file beside it. */
async function onnxAt(path: string, factor: number, dataFile: string): Promise<string> {
  const large = Float32Array.from({ length: 5000 }, (_, n) => n * factor);
  const proto = model([
    external('large', [5000], { location: dataFile, offset: 3 }),
    tensor('w', [2], { rawData: f32(factor, -factor) }),
    tensor('packed', [2], { floatData: [3 * factor, 0] }),
    // 1 and 3, or 2 and 3.
    tensor('half', [2], { dataType: 10, int32Data: [factor === 1 ? 0x3c00 : 0x4000, 0x4200] }),
    tensor('brain', [1], { dataType: 16, rawData: halfs(factor === 1 ? 0x3f80 : 0x4040) }),
    tensor('count', [1], { dataType: 7, int64Data: [5n] }),
  ]);
  await writeFile(path, modelBytes(proto));
  await writeFile(
    join(path, '..', dataFile),
    Buffer.concat([new Uint8Array(3), new Uint8Array(large.buffer)]),
  );
  return path;
}

/** The elements of a merged model. */
async function elementsIn(path: string): Promise<Readonly<Record<string, unknown>>> {
  const found = await openCheckpoint(path);
  try {
    return {
      large: await floatsOf(found, 'large'),
      w: await floatsOf(found, 'w'),
      packed: await floatsOf(found, 'packed'),
      half: await bytesOf(found, 'half'),
      brain: await bytesOf(found, 'brain'),
      count: await bytesOf(found, 'count'),
    };
  } finally {
    await found.close();
  }
}

const MEAN = {
  large: Array.from({ length: 5000 }, (_, n) => n * 2),
  w: [2, -2],
  packed: [6, 0],
  half: halfs(0x3e00, 0x4200),
  brain: halfs(0x4000),
  count: halfs(5, 0, 0, 0),
};

it('the mean of ONNX models of unknown operators, with their data anywhere', async () => {
  const inputs = [
    await onnxAt(join(folder, 'a.onnx'), 1, 'a.data'),
    await onnxAt(join(folder, 'b.onnx'), 3, 'b.data'),
  ];
  const before = await readFile(join(folder, 'b.data'));
  const output = join(folder, 'mean.onnx');
  await mergeFiles(inputs, output, { method: mean(2) });
  expect(await elementsIn(output)).toEqual(MEAN);
  expect(await readFile(join(folder, 'b.data'))).toEqual(before);
  expect((await readFile(join(folder, 'mean.onnx.data'))).length).toBe(20_000);
});

it('the mean of ONNX models in the place of one of them', async () => {
  const inputs = [
    await onnxAt(join(folder, 'a.onnx'), 1, 'a.onnx.data'),
    await onnxAt(join(folder, 'b.onnx'), 3, 'b.onnx.data'),
  ];
  const [, last = ''] = inputs;
  await mergeFiles(inputs, last, { method: mean(2), force: true });
  expect(await elementsIn(last)).toEqual(MEAN);
});

it('the mean of models of TensorFlow.js, of float16 and float32, in shards', async () => {
  const weights = [
    { name: 'w', shape: [3], dtype: 'float32' },
    { name: 'h', shape: [2], dtype: 'float32', quantization: { dtype: 'float16' } },
    { name: 'i', shape: [1], dtype: 'int32' },
  ];
  const inputs: string[] = [];
  for (const factor of [1, 3]) {
    const data = Buffer.concat([
      f32(factor, 2 * factor, -factor),
      halfs(factor === 1 ? 0x3c00 : 0x4200, 0),
      Uint8Array.of(7, 0, 0, 0),
    ]);
    const path = join(folder, String(factor));
    await mkdir(path);
    for (const [name, bytes] of modelFiles(weights, data, [6, 13])) {
      await writeFile(join(path, name), bytes);
    }
    inputs.push(path);
  }
  const output = join(folder, 'mean', 'model.json');
  await mkdir(join(folder, 'mean'));
  await mergeFiles(inputs, output, { method: mean(2) });
  const found = await openCheckpoint(output);
  expect(await floatsOf(found, 'w')).toEqual([2, 4, -2]);
  expect(await bytesOf(found, 'h')).toEqual(halfs(0x4000, 0));
  expect([...(await bytesOf(found, 'i'))]).toEqual([7, 0, 0, 0]);
  await found.close();
});
