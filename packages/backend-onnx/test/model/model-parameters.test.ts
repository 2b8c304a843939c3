// Which weights of a model are averaged.
import { create } from '@bufbuild/protobuf';
import { FunctionProtoSchema, OperatorSetIdProtoSchema } from '@polyak/backend-onnx/proto';
import { describe, expect, it } from 'vitest';
import { model, modelBytes, node, tensor, value } from '../model-builder.js';
import { withModel } from '../small-model.js';

describe('parameters', () => {
  const statisticsOf = async (bytes: Uint8Array): Promise<string[]> =>
    withModel(bytes, (loaded) => {
      const averaged = new Set(loaded.parameters.map(({ name }) => name));
      return Promise.resolve([...loaded.initializers.keys()].filter((name) => !averaged.has(name)));
    });
  const weights = ['scale', 'bias', 'mean', 'var'].map((name) => tensor(name, [1], [1]));
  const bn = (inputs = ['x', 'scale', 'bias', 'mean', 'var']): ReturnType<typeof node> =>
    node('BatchNormalization', inputs, ['y']);
  const ends = { inputs: [value('x', ['n', 1, 4])], outputs: [value('y', ['n', 1, 4])] };

  it('are all weights but the running mean and variance of batch norm', async () => {
    expect(
      await statisticsOf(modelBytes(model({ ...ends, nodes: [bn()], initializers: weights }))),
    ).toEqual(['mean', 'var']);
  });

  it('leave out statistics that reach batch norm through Identity', async () => {
    const nodes = [node('Identity', ['mean'], ['same']), bn(['x', 'scale', 'bias', 'same', 'var'])];
    expect(
      await statisticsOf(modelBytes(model({ ...ends, nodes, initializers: weights }))),
    ).toEqual(['mean', 'var']);
  });

  it('leave out statistics of batch norm inside a function of the model', async () => {
    const proto = model({
      ...ends,
      nodes: [node('Block', ['x', 'mean', 'scale', 'bias', 'var'], ['y'], {}, 'custom')],
      initializers: weights,
    });
    proto.opsetImport.push(create(OperatorSetIdProtoSchema, { domain: 'custom', version: 1n }));
    proto.functions.push(
      create(FunctionProtoSchema, {
        name: 'Block',
        domain: 'custom',
        input: ['a', 'm', 's', 'b', 'v'],
        output: ['y'],
        node: [node('BatchNormalization', ['a', 's', 'b', 'm', 'v'], ['y'])],
        opsetImport: [{ domain: '', version: 17n }],
      }),
    );
    expect(await statisticsOf(modelBytes(proto))).toEqual(['mean', 'var']);
  });

  it('leave out masks of minus infinity, but not weights that hold NaN', async () => {
    const initializers = [
      tensor('mask', [1], [-Infinity]),
      tensor('half', [1], [0xfc00], 'float16'),
      tensor('ruined', [2], [Infinity, NaN]),
    ];
    const nodes = [node('Add', ['x', 'mask'], ['y'])];
    expect(await statisticsOf(modelBytes(model({ ...ends, nodes, initializers })))).toEqual([
      'mask',
      'half',
    ]);
  });
});
