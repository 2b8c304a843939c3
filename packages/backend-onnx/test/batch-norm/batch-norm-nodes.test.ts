// Which batch-norm layers a graph has, and which graphs are refused.
import { create } from '@bufbuild/protobuf';
import { batchNormModel, onnxParameter } from '@polyak/backend-onnx';
import { PolyakError } from '@polyak/core';
import type { BatchNormLayer } from '@polyak/core/interfaces';
import type { ModelProto, NodeProto } from '@polyak/backend-onnx/proto';
import { FunctionProtoSchema, OperatorSetIdProtoSchema } from '@polyak/backend-onnx/proto';
import * as ort from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { graph, model, node, value } from '../model-builder.js';

function batchNorm(inputs: readonly string[], output: string): NodeProto {
  return node('BatchNormalization', inputs, [output]);
}

function of(nodes: readonly NodeProto[], opset = 17): ModelProto {
  return model({ opset, nodes, inputs: [value('x', ['n', 2])], outputs: [value('y', ['n', 2])] });
}

/** The layers of a graph whose float initializers are `weights`, of two channels each. */
function layersOf(proto: ModelProto, weights: readonly string[]): readonly BatchNormLayer[] {
  const vector = () => new ort.Tensor('float32', [0, 0], [2]);
  const initializers = new Map(weights.map((name) => [name, onnxParameter(name, vector())]));
  return batchNormModel(ort, { proto, initializers, inputNames: ['x'] }).layers;
}

function find(
  nodes: readonly NodeProto[],
  weights: readonly string[],
  opset = 17,
): readonly BatchNormLayer[] {
  return layersOf(of(nodes, opset), weights);
}

function refusal(call: () => unknown): PolyakError {
  try {
    call();
  } catch (error) {
    if (PolyakError.is(error)) return error;
    throw error;
  }
  throw new Error('not refused');
}

describe('batchNormModel', () => {
  it.each([
    ['bn1.running_mean', 'bn1'],
    ['module.features.1.running_mean', 'module.features.1'],
    ['bn_running_mean', 'bn'],
    ['block/bn/moving_mean', 'block/bn'],
    ['model/bn_3/moving_mean:0', 'model/bn_3'],
    ['bn/moving_mean/read:0', 'bn'],
    ['bn.moving_mean', 'bn'],
    ['onnx::BatchNormalization_57', 'BatchNormalization_y'],
    ['running_mean', 'BatchNormalization_y'],
  ])('calls the layer of %s %s', (mean, name) => {
    const weights = ['s', 'b', mean, 'v'];
    expect(find([batchNorm(['x', ...weights], 'y')], weights)[0]?.name).toBe(name);
  });

  it('calls a layer without any other name as its running mean', () => {
    const weights = ['s', 'b', 'm', 'v'];
    const anonymous = batchNorm(['x', ...weights], 'y');
    anonymous.name = '';
    expect(find([anonymous], weights)[0]?.name).toBe('m');
  });

  it('gives no two layers one name', () => {
    const weights = ['s', 'b', 'bn.running_mean', 'v', 'bn/moving_mean', 'w'];
    const nodes = [
      batchNorm(['x', 's', 'b', 'bn.running_mean', 'v'], 'h'),
      batchNorm(['h', 's', 'b', 'bn/moving_mean', 'w'], 'y'),
    ];
    expect(find(nodes, weights).map(({ name }) => name)).toEqual([
      'bn.running_mean',
      'bn/moving_mean',
    ]);
  });

  it('takes nodes with the same statistics as one layer, also through Identity and Cast', () => {
    const weights = ['s', 'b', 'bn.running_mean', 'v'];
    const layers = find(
      [
        node('Identity', ['bn.running_mean'], ['m2']),
        node('Cast', ['v'], ['v2'], { to: 1 }),
        batchNorm(['x', ...weights], 'h'),
        batchNorm(['h', 's', 'b', 'm2', 'v2'], 'y'),
      ],
      weights,
    );
    expect(layers).toHaveLength(1);
    expect(layers[0]?.name).toBe('bn');
  });

  it('takes a layer without scale and bias, exported in two places, as one', () => {
    const nodes = [
      batchNorm(['x', 'one', 'zero', 'm', 'v'], 'h'),
      batchNorm(['h', 'one_1', 'zero_1', 'm', 'v'], 'y'),
    ];
    expect(find(nodes, ['m', 'v'])).toHaveLength(1);
  });

  it.each([
    ['a bias', [batchNorm(['x', 's', 'm', 'm', 'v'], 'y')], '"m"'],
    ['a scale', [batchNorm(['x', 'v', 'b', 'm', 'v'], 'y')], '"v"'],
    ['mean and variance', [batchNorm(['x', 's', 'b', 'm', 'm'], 'y')], '"m"'],
    [
      'something else',
      [node('Add', ['x', 'm'], ['h']), batchNorm(['h', 's', 'b', 'm', 'v'], 'y')],
      '"m"',
    ],
    [
      'another layer',
      [batchNorm(['x', 's', 'b', 'm', 'v'], 'h'), batchNorm(['h', 't', 'b', 'm', 'v'], 'y')],
      '"m"',
    ],
    [
      'another layer with a variance of its own',
      [batchNorm(['x', 's', 'b', 'm', 'v'], 'h'), batchNorm(['h', 's', 'b', 'm', 'w'], 'y')],
      '"m"',
    ],
  ])('refuses running statistics that an exporter merged with %s', (_, nodes, name) => {
    const error = refusal(() => find(nodes, ['s', 't', 'b', 'm', 'v', 'w']));
    expect(error.code).toBe('ERR_BATCH_NORM');
    expect(error.message).toContain(
      `${name} holds running statistics of batch norm and is used in two ways`,
    );
  });

  it('refuses running statistics that are not weights', () => {
    const error = refusal(() => find([batchNorm(['x', 's', 'b', 'm', 'v'], 'y')], ['s', 'b', 'm']));
    expect(error.code).toBe('ERR_BATCH_NORM');
    expect(error.message).toContain(
      'the running variance of "BatchNormalization_y" is "v", expected a float initializer',
    );
  });

  it('refuses opsets before 9', () => {
    const weights = ['s', 'b', 'm', 'v'];
    const error = refusal(() => find([batchNorm(['x', ...weights], 'y')], weights, 8));
    expect(error.code).toBe('ERR_UNSUPPORTED');
    expect(error.message).toContain('opset 8, expected 9 or later');
  });

  it('refuses batch norm in branches of a node, by name', () => {
    const branch = graph({
      nodes: [batchNorm(['x', 's', 'b', 'm', 'v'], 'z')],
      outputs: [value('z', ['n', 2])],
    });
    const nested = graph({
      nodes: [node('If', ['c'], ['z'], { then_branch: { graph: branch } })],
      outputs: [value('z', ['n', 2])],
    });
    const error = refusal(() =>
      find([node('If', ['c'], ['y'], { then_branch: { graph: nested } })], []),
    );
    expect(error.code).toBe('ERR_UNSUPPORTED');
    expect(error.message).toContain('"BatchNormalization_z" is inside the If node "If_y"');
  });

  it('refuses batch norm in functions, by name', () => {
    const withFunction = of([node('Block', ['x'], ['y'], {}, 'own')]);
    withFunction.functions.push(
      create(FunctionProtoSchema, {
        name: 'Block',
        domain: 'own',
        node: [batchNorm(['x', 's', 'b', 'm', 'v'], 'z')],
        opsetImport: [create(OperatorSetIdProtoSchema, { version: 17n })],
      }),
    );
    const error = refusal(() => layersOf(withFunction, []));
    expect(error.code).toBe('ERR_UNSUPPORTED');
    expect(error.message).toContain('the function "Block" contains batch norm');
  });

  it('says of a model without batch norm whether it may have been folded', () => {
    const plain = refusal(() => find([node('Relu', ['x'], ['y'])], []));
    expect(plain.code).toBe('ERR_BATCH_NORM');
    expect(plain.message).toContain('no BatchNormalization node. From PyTorch, export with');
    const folded = refusal(() => find([node('Conv', ['x', 'w', 'b'], ['y'])], ['w', 'b']));
    expect(folded.message).toContain(
      'It may have been folded into the Conv or Gemm nodes that have a bias.',
    );
  });

  it("does not take another domain's operator for batch norm", () => {
    const own = node('BatchNormalization', ['x', 's', 'b', 'm', 'v'], ['y'], {}, 'own');
    expect(refusal(() => find([own], ['s', 'b', 'm', 'v'])).message).toContain(
      'no BatchNormalization node',
    );
  });
});
