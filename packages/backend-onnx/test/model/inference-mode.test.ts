// Models that were exported in training mode.
import { fileURLToPath } from 'node:url';
import { create } from '@bufbuild/protobuf';
import type { OnnxModel } from '@polyak/backend-onnx';
import { averageModels, batchNormModel, loadOnnxModel } from '@polyak/backend-onnx';
import { bnUpdate } from '@polyak/core';
import type { ModelProto, NodeProto } from '@polyak/backend-onnx/proto';
import { TensorProtoSchema } from '@polyak/backend-onnx/proto';
import * as ort from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import type { AttributeValue } from '../model-builder.js';
import { graph, model, modelBytes, node, tensor, value } from '../model-builder.js';
import { f32, numbers, withModel } from '../small-model.js';

const STATISTICS = ['bn.scale', 'bn.bias', 'bn.running_mean', 'bn.running_var'];

function batchNorm(
  outputs: readonly string[],
  attributes: Readonly<Record<string, AttributeValue>> = {},
): NodeProto {
  return node('BatchNormalization', ['x', ...STATISTICS], outputs, attributes);
}

function of(nodes: readonly NodeProto[], opset = 17, outputs = ['y']): ModelProto {
  return model({
    opset,
    nodes,
    initializers: [
      tensor('bn.scale', [1], [2]),
      tensor('bn.bias', [1], [1]),
      tensor('bn.running_mean', [1], [10]),
      tensor('bn.running_var', [1], [4]),
      create(TensorProtoSchema, { name: 'ratio', dataType: 1, floatData: [0.5] }),
      create(TensorProtoSchema, { name: 'training', dataType: 9, int32Data: [1] }),
    ],
    inputs: [value('x', ['n', 1])],
    outputs: outputs.map((name) => value(name, name === 'y' ? ['n', 1] : [1])),
  });
}

const TRAINING: readonly (readonly [string, ModelProto])[] = [
  ['opset 14 and later', of([batchNorm(['y', 'm', 'v'], { training_mode: 1 })])],
  ['opset 9', of([batchNorm(['y', 'm', 'v', 'sm', 'sv'])], 9)],
];
const x = f32([1, 3], [2, 1]);

describe.each(TRAINING)('batch norm in training mode of %s', (_, proto) => {
  it('is refused by batchNormModel, with what to do', async () => {
    await withModel(modelBytes(proto), (loaded) => {
      expect(() => batchNormModel(ort, loaded)).toThrow(
        expect.objectContaining({
          code: 'ERR_BATCH_NORM',
          message: expect.stringMatching(/"BatchNormalization_y" is in training mode.*mode: 'inf/s),
        }),
      );
      return Promise.resolve();
    });
  });

  it('reads its running statistics in inference mode, also when saved', async () => {
    const use = async (loaded: OnnxModel): Promise<Uint8Array> => {
      const updated = batchNormModel(ort, loaded);
      await bnUpdate([x], updated, { statistics: 'pooled' });
      await updated.release();
      expect(numbers(loaded.initializers.get('bn.running_mean')?.get())).toEqual([2]);
      // The statistics of the batch (2, 1), not those of a run's own (10, 0).
      const run = await loaded.run({ x: f32([10, 10], [2, 1]) });
      expect(numbers(run['y'])[0]).toBeCloseTo(17, 3);
      return loaded.toBytes();
    };
    const saved = await withModel(modelBytes(proto), use, { mode: 'inference' });
    const session = await ort.InferenceSession.create(saved, { logSeverityLevel: 3 });
    const { y } = await session.run({ x: f32([10, 10], [2, 1]) });
    expect(numbers(y)[0]).toBeCloseTo(17, 3);
    await session.release();
  });
});

describe("mode: 'inference'", () => {
  it('switches dropout too, which is random in training', async () => {
    const nodes = [
      batchNorm(['h', 'm', 'v'], { training_mode: 1 }),
      node('Dropout', ['h', 'ratio', 'training'], ['y']),
    ];
    const use = async (loaded: OnnxModel): Promise<number[]> => {
      const run = await loaded.run({ x: f32([10, 10, 10, 10, 10, 10], [6, 1]) });
      return numbers(run['y']);
    };
    expect(await withModel(modelBytes(of(nodes)), use, { mode: 'inference' })).toEqual([
      1, 1, 1, 1, 1, 1,
    ]);
  });

  it('switches batch norm inside branches', async () => {
    const branch = (name: string): AttributeValue => ({
      graph: graph({
        nodes: [batchNorm([name, `${name}_m`, `${name}_v`], { training_mode: 1 })],
        outputs: [value(name, ['n', 1])],
        name,
      }),
    });
    const branches = { then_branch: branch('a'), else_branch: branch('b') };
    const bytes = modelBytes(of([node('If', ['training'], ['y'], branches)]));
    const use = async (loaded: OnnxModel): Promise<number[]> =>
      numbers((await loaded.run({ x: f32([10, 12], [2, 1]) }))['y']);
    const found = await withModel(bytes, use, { mode: 'inference' });
    expect(found[0]).toBeCloseTo(1, 4);
    expect(found[1]).toBeCloseTo(3, 4);
  });

  it('loads a file that PyTorch exported with training=TRAINING', async () => {
    const path = fileURLToPath(new URL('../fixtures/conv-training.onnx', import.meta.url));
    const exported = await loadOnnxModel(ort, path);
    expect(() => batchNormModel(ort, exported)).toThrow(/is in training mode/);
    await exported.release();
    const loaded = await loadOnnxModel(ort, path, { mode: 'inference' });
    expect(batchNormModel(ort, loaded).layers.map(({ name }) => name)).toEqual(['bn1', 'bn2']);
    await loaded.release();
  });

  it('is an option of averageModels too', async () => {
    const bytes = modelBytes(TRAINING[0]?.[1] as ModelProto);
    const average = await averageModels(ort, [bytes, bytes], { mode: 'inference' });
    expect(() => batchNormModel(ort, average)).not.toThrow();
    await average.release();
  });

  it.each([
    ['a node', ['y'], [node('Mul', ['h', 'm'], ['y'])]],
    ['an output of the model', ['y', 'm'], [node('Relu', ['h'], ['y'])]],
  ])('refuses a model where %s uses the new statistics', async (_, outputs, nodes) => {
    const training = batchNorm(['h', 'm', 'v'], { training_mode: 1 });
    const bytes = modelBytes(of([training, ...nodes], 17, outputs));
    await expect(loadOnnxModel(ort, bytes, { mode: 'inference' })).rejects.toMatchObject({
      code: 'ERR_UNSUPPORTED',
      message: expect.stringMatching(/"BatchNormalization_h" gives out .* "m"/) as string,
    });
  });

  it('is one of two modes', async () => {
    const mode = 'train' as 'inference';
    const bytes = modelBytes(of([batchNorm(['y'])]));
    await expect(loadOnnxModel(ort, bytes, { mode })).rejects.toThrow(RangeError);
  });
});
