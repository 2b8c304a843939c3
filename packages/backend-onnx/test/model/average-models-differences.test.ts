// What averageModels says of models that are not checkpoints of one graph.
import { averageModels } from '@polyak/backend-onnx';
import { PolyakError } from '@polyak/core';
import type { ModelProto } from '@polyak/backend-onnx/proto';
import * as ort from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { attribute, graph, model, modelBytes, node, tensor, value } from '../model-builder.js';
import { f32, gemm, numbers } from '../small-model.js';

async function differencesOf(...models: readonly ModelProto[]): Promise<readonly string[]> {
  const error: unknown = await averageModels(ort, models.map(modelBytes)).then(
    async (average) => average.release(),
    (caught: unknown) => caught,
  );
  if (!PolyakError.is(error)) throw new Error(`expected a refusal, found ${String(error)}`);
  expect(error.code).toBe('ERR_MODEL');
  return error.message.split('\n- ').slice(1);
}

describe('averageModels lists', () => {
  it('missing and extra initializers, shapes and dtypes, of every file', async () => {
    const shaped = gemm();
    const dtyped = gemm();
    shaped.graph?.initializer.splice(0, 1, tensor('w', [4], [1, 2, 3, 4]), tensor('new', [1], [1]));
    dtyped.graph?.initializer.splice(2, 1, tensor('c', [2], [1, 2]));
    dtyped.graph?.initializer.splice(0, 1, tensor('w', [2, 2], [1, 2, 3, 4], 'float64'));
    expect(await differencesOf(gemm(), shaped, dtyped)).toEqual([
      'averageModels: model 1: initializer "new" is extra',
      'averageModels: model 1: initializer "w" is float32[4], expected float32[2,2]',
      'averageModels: model 2: initializer "b" is missing',
      'averageModels: model 2: initializer "c" is extra',
      'averageModels: model 2: initializer "w" is float64[2,2], expected float32[2,2]',
    ]);
  });

  it('integers and constants that differ', async () => {
    const other = gemm();
    other.graph?.initializer.splice(1, 1, tensor('shape', [2], [1, -1], 'int64'));
    const constant = other.graph?.node[0]?.attribute[0];
    if (constant !== undefined) constant.t = tensor('', [], [3]);
    expect(await differencesOf(gemm(), other)).toEqual([
      'averageModels: model 1: initializer "shape" has other values',
      'averageModels: model 1: node that makes "two": attribute "value" has other values',
    ]);
  });

  it('nodes, their inputs and attributes', async () => {
    const other = gemm();
    const [, mul, product, reshape] = other.graph?.node ?? [];
    if (mul !== undefined) mul.opType = 'Add';
    product?.attribute.push(attribute('alpha', { float: 2 }));
    if (reshape !== undefined) reshape.input = ['x2', 'shape'];
    other.graph?.node.push(node('Relu', ['y'], ['z']));
    expect(await differencesOf(gemm(), other)).toEqual([
      'averageModels: model 1: node that makes "z" is extra',
      'averageModels: model 1: node that makes "x2": operator is Add, expected Mul',
      'averageModels: model 1: node that makes "h": attribute "alpha" is extra',
      'averageModels: model 1: node that makes "y": inputs is (x2, shape), expected (h, shape)',
    ]);
  });

  it('inputs, outputs, opsets and IR versions', async () => {
    const other = model({ ...gemm().graph, nodes: [], outputs: [], opset: 18, irVersion: 9 });
    other.graph = gemm().graph as NonNullable<ModelProto['graph']>;
    other.graph.input = [value('x', ['batch', 3]), value('extra', [1])];
    other.graph.output.push(value('h', ['batch', 2]));
    expect(await differencesOf(gemm(), other)).toEqual([
      'averageModels: model 1: IR version is 9, expected 8',
      'averageModels: model 1: opset "ai.onnx" is 18, expected 17',
      'averageModels: model 1: input "extra" is extra',
      'averageModels: model 1: input "x" is float32[batch,3], expected float32[batch,2]',
      'averageModels: model 1: outputs is y, h, expected y',
    ]);
  });

  it('weights inside branches, which are not averaged', async () => {
    const branched = (number: number): ModelProto => {
      const branch = (name: string, k: number): ReturnType<typeof graph> =>
        graph({
          nodes: [node('Mul', ['x', `k_${name}`], [name])],
          initializers: [tensor(`k_${name}`, [1], [k])],
          outputs: [value(name, [1])],
          name,
        });
      return model({
        nodes: [
          node('Less', ['x', 'x'], ['less']),
          node('If', ['less'], ['y'], {
            then_branch: { graph: branch('a', 1) },
            else_branch: { graph: branch('b', number) },
          }),
        ],
        inputs: [value('x', [1])],
        outputs: [value('y', [1])],
      });
    };
    expect(await differencesOf(branched(1), branched(2))).toEqual([
      'averageModels: model 1: node that makes "y": attribute "else_branch": initializer "k_b" ' +
        'has other values',
    ]);
    const average = await averageModels(ort, [modelBytes(branched(1)), modelBytes(branched(1))]);
    expect(numbers((await average.run({ x: f32([7], [1]) }))['y'])).toEqual([7]);
    await average.release();
  });

  it('nothing where a later file is damaged, but says which', async () => {
    const damaged = modelBytes(gemm()).subarray(0, 100);
    await expect(averageModels(ort, [modelBytes(gemm()), damaged])).rejects.toMatchObject({
      code: 'ERR_MODEL',
      message: expect.stringContaining('model 1') as string,
    });
  });
});
