// Models of TensorFlow.js as checkpoints.
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { f32 } from './onnx-models.js';
import type { Files } from './outputs.js';
import { bytesOf, copyOf, floatsOf, open, requestFor, written } from './outputs.js';
import { GRAPH, httpOf, layersModel, modelFiles } from './tfjs-models.js';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const manifestOf = (files: Files, main = 'model.json'): Readonly<Record<string, unknown>> =>
  JSON.parse(new TextDecoder().decode(files.get(main))) as Readonly<Record<string, unknown>>;

/** Doubles the elements of every tensor of float32. */
async function doubled(files: Files, name = 'model.json'): Promise<Files> {
  const checkpoint = await open(files, 'model.json');
  const layout = await checkpoint.layout(requestFor(checkpoint, name));
  return await written(layout, async (tensor) => {
    return f32(...(await floatsOf(checkpoint, tensor)).map((value) => 2 * value));
  });
}

describe('a layers model', () => {
  it('has its weights as tensors, also those that span shards', async () => {
    const files = await layersModel();
    const checkpoint = await open(files, 'model.json');
    const found = [...checkpoint.tensors].map(([name, { dtype, shape }]) => [name, dtype, shape]);
    expect(found).toEqual([
      ['first/kernel', 'float32', [2, 3]],
      ['first/bias', 'float32', [3]],
      ['second/kernel', 'float32', [3, 2]],
      ['second/bias', 'float32', [2]],
    ]);
    const model = await tf.loadLayersModel(httpOf(files, 'model.json'));
    const names = [...checkpoint.tensors.keys()];
    for (const [index, weight] of model.weights.entries()) {
      const expected = Array.from(weight.read().dataSync());
      expect(await floatsOf(checkpoint, names[index] ?? '')).toEqual(expected);
    }
    model.dispose();
  });

  it('is written so that TensorFlow.js loads it, with what the user wrote into it', async () => {
    const files = await layersModel();
    const [before, after] = [
      await tf.loadLayersModel(httpOf(files, 'model.json')),
      await tf.loadLayersModel(httpOf(await doubled(files), 'model.json')),
    ];
    for (const [index, weight] of after.weights.entries()) {
      const old = Array.from(before.weights[index]?.read().dataSync() ?? []);
      expect(Array.from(weight.read().dataSync())).toEqual(old.map((value) => 2 * value));
    }
    expect(after.getUserDefinedMetadata()).toEqual({ author: 'me' });
    before.dispose();
    after.dispose();
  });

  it('is written with shards of whole weights, under the names that they had', async () => {
    const files = await doubled(await layersModel());
    const sizes = [...files].map(([name, { length }]) => [name, length]);
    // The second kernel began in the first shard.
    expect(sizes.slice(0, -1)).toEqual([
      ['group1-shard1of2.bin', 60],
      ['group1-shard2of2.bin', 8],
    ]);
    expect(sizes.at(-1)?.[0]).toBe('model.json');
  });
});

describe('a graph model', () => {
  const weights = [{ name: 'w', shape: [2, 3], dtype: 'float32' }];
  const files = modelFiles(weights, f32(1, 2, 3, 4, 5, 6), [], GRAPH);

  it('is written so that TensorFlow.js loads it', async () => {
    const model = await tf.loadGraphModel(httpOf(await doubled(files), 'model.json'));
    const y = model.predict(tf.tensor2d([[1, 10]])) as tf.Tensor;
    expect(Array.from(y.dataSync())).toEqual([82, 104, 126]);
    model.dispose();
  });

  it('may be float16, and stays so', async () => {
    const half = weights.map((weight) => ({ ...weight, quantization: { dtype: 'float16' } }));
    const data = Uint8Array.from([0, 0x3c, 0, 0x40, 0, 0x42, 0, 0x44, 0, 0x45, 0, 0x46]);
    const checkpoint = await open(modelFiles(half, data, [], GRAPH), 'model.json');
    expect(checkpoint.tensors.get('w')).toMatchObject({ dtype: 'float16', byteLength: 12 });
    const copy = await copyOf(checkpoint, 'model.json');
    const model = await tf.loadGraphModel(httpOf(copy, 'model.json'));
    const y = model.predict(tf.tensor2d([[1, 10]])) as tf.Tensor;
    expect(Array.from(y.dataSync())).toEqual([41, 52, 63]);
  });

  it.each([
    [
      'float32',
      'float16',
      f32(1, 2, 3, 4, 5, 6),
      [0, 0x3c, 0, 0x40, 0, 0x42, 0, 0x44, 0, 0x45, 0, 0x46],
    ],
    [
      'float16',
      'float32',
      [0, 0x3c, 0, 0x40, 0, 0x42, 0, 0x44, 0, 0x45, 0, 0x46],
      f32(1, 2, 3, 4, 5, 6),
    ],
  ])('of %s is written as %s where that is asked for', async (from, to, input, output) => {
    const quantization = from === 'float16' ? { quantization: { dtype: from } } : {};
    const entries = weights.map((weight) => ({ ...weight, ...quantization }));
    const made = modelFiles(entries, Uint8Array.from(input), [], GRAPH);
    const checkpoint = await open(made, 'model.json');
    const request = requestFor(checkpoint, 'model.json');
    const tensors = new Map(
      [...request.tensors].map(([name, tensor]) => [name, { ...tensor, dtype: to }]),
    );
    const layout = await checkpoint.layout({ ...request, tensors });
    const copy = await written(layout, () => Uint8Array.from(output));
    expect((await open(copy, 'model.json')).tensors.get('w')?.dtype).toBe(to);
    const model = await tf.loadGraphModel(httpOf(copy, 'model.json'));
    const y = model.predict(tf.tensor2d([[1, 10]])) as tf.Tensor;
    expect(Array.from(y.dataSync())).toEqual([41, 52, 63]);
  });

  it('keeps the strings of a merge beside those of the user', async () => {
    const userDefinedMetadata = { structuredOutputKeys: ['y'], polyak: { old: 'x', number: 1 } };
    const made = modelFiles(weights, f32(1, 2, 3, 4, 5, 6), [], { ...GRAPH, userDefinedMetadata });
    const checkpoint = await open(made, 'model.json');
    expect(checkpoint.metadata).toEqual({ old: 'x' });
    const request = requestFor(checkpoint, 'model.json');
    const layoutWith = async (sum: string): Promise<Files> => {
      const layout = await checkpoint.layout({ ...request, metadata: { sum } });
      return await written(layout, (name) => bytesOf(checkpoint, name));
    };
    const copy = await layoutWith('0000');
    expect((await open(copy, 'model.json')).metadata).toEqual({ sum: '0000' });
    expect(manifestOf(copy)).toMatchObject({
      format: 'graph-model',
      userDefinedMetadata: { structuredOutputKeys: ['y'], polyak: { sum: '0000' } },
    });
    const { length } = (await layoutWith('12ab')).get('model.json') ?? [];
    expect(copy.get('model.json')?.length).toBe(length);
  });
});

describe('weights of any type', () => {
  const string = (of: string): number[] => {
    const bytes = [...new TextEncoder().encode(of)];
    return [bytes.length, 0, 0, 0, ...bytes];
  };
  const scaled = (dtype: string): Readonly<Record<string, unknown>> => ({
    dtype,
    scale: 0.1,
    min: -1,
    original_dtype: 'float32',
  });
  const entries = [
    { name: 'text', shape: [2], dtype: 'string' },
    { name: 'f', shape: [], dtype: 'float32' },
    { name: 'b', shape: [3], dtype: 'bool' },
    { name: 'i', shape: [1], dtype: 'int32' },
    { name: 'c', shape: [1], dtype: 'complex64' },
    { name: 'q8', shape: [3], dtype: 'float32', quantization: scaled('uint8') },
    { name: 'q16', shape: [1], dtype: 'float32', quantization: scaled('uint16') },
    { name: 'none', shape: [0, 4], dtype: 'float32' },
  ];
  const data = Uint8Array.from(
    [
      string('hé'),
      string(''),
      [...f32(7)],
      [1, 0, 1],
      [5, 0, 0, 0],
      [...f32(1, 2)],
      [9, 8, 7],
      [6, 5],
    ].flat(),
  );

  it.each([[[]], [[1, 2, 3, 20, 30]], [[0, 11, 11, 44]]])(
    'lie in shards cut at %j',
    async (cuts) => {
      const checkpoint = await open(modelFiles(entries, data, cuts), 'model.json');
      const found = [...checkpoint.tensors].map(([name, { dtype, byteLength }]) => [
        name,
        dtype,
        byteLength,
      ]);
      expect(found).toEqual([
        ['text', 'string', 11],
        ['f', 'float32', 4],
        ['b', 'bool', 3],
        ['i', 'int32', 4],
        ['c', 'complex64', 8],
        ['q8', 'uint8*scale', 3],
        ['q16', 'uint16*scale', 2],
        ['none', 'float32', 0],
      ]);
      expect(await floatsOf(checkpoint, 'f')).toEqual([7]);
      expect([...(await bytesOf(checkpoint, 'q8'))]).toEqual([9, 8, 7]);
      const copy = await copyOf(checkpoint, 'model.json');
      const again = await open(copy, 'model.json');
      for (const name of checkpoint.tensors.keys()) {
        expect(await bytesOf(again, name)).toEqual(await bytesOf(checkpoint, name));
      }
      const shards = [...copy].filter(([name]) => name !== 'model.json').map(([, bytes]) => bytes);
      expect(new Uint8Array(Buffer.concat(shards))).toEqual(data);
    },
  );

  it('are written in shards of a size, where one is given', async () => {
    const checkpoint = await open(modelFiles(entries, data), 'model.json');
    const request = { ...requestFor(checkpoint, 'model.json'), shardBytes: 12 };
    const copy = await written(await checkpoint.layout(request), (name) =>
      bytesOf(checkpoint, name),
    );
    const sizes = [...copy].slice(0, -1).map(([name, { length }]) => [name, length]);
    expect(sizes).toEqual([
      ['group1-shard1of4.bin', 11],
      ['group1-shard2of4.bin', 11],
      ['group1-shard3of4.bin', 11],
      ['group1-shard4of4.bin', 2],
    ]);
    expect(await floatsOf(await open(copy, 'model.json'), 'f')).toEqual([7]);
  });

  it('that are not asked for are copied', async () => {
    const checkpoint = await open(modelFiles(entries, data, [13]), 'model.json');
    const request = { ...requestFor(checkpoint, 'model.json'), tensors: new Map() };
    const copy = await written(await checkpoint.layout(request), () => new Uint8Array());
    const again = await open(copy, 'model.json');
    for (const name of checkpoint.tensors.keys()) {
      expect(await bytesOf(again, name)).toEqual(await bytesOf(checkpoint, name));
    }
  });
});

describe('the files of a model', () => {
  const weights = [{ name: 'w', shape: [1], dtype: 'float32' }];
  const files = modelFiles(weights, f32(1));
  it.each([
    ['model.json', ['group1-shard1of1.bin', 'model.json']],
    ['mean.json', ['mean.group1-shard1of1.bin', 'mean.json']],
    ['mean', ['mean/group1-shard1of1.bin', 'mean/model.json']],
  ])('written as %s', async (name, expected) => {
    const copy = await doubled(files, name);
    expect([...copy.keys()]).toEqual(expected);
    const inFolder = [...copy].map(([key, bytes]) => [key.replace('mean/', ''), bytes] as const);
    const main = name.endsWith('.json') ? name : 'model.json';
    expect(await floatsOf(await open(new Map(inFolder), main), 'w')).toEqual([2]);
  });
});
