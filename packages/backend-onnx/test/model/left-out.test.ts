// Weights that cannot be exchanged are named when a model is loaded, or the model is refused.
import { readFile } from 'node:fs/promises';
import { create } from '@bufbuild/protobuf';
import { averageModels, loadOnnxModel } from '@polyak/backend-onnx';
import type { ModelProto } from '@polyak/backend-onnx/proto';
import { OperatorSetIdProtoSchema } from '@polyak/backend-onnx/proto';
import * as ort from 'onnxruntime-node';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { modelBytes, node, tensor } from '../model-builder.js';
import {
  alone,
  beside,
  CASES,
  constant,
  integers,
  Q_OPERATOR,
  QAT,
  QDQ,
  sparse,
} from './left-out-models.js';
import { f32, gemm, numbers, withModel } from '../small-model.js';

/** What loading a model warns of. */
async function warningsOf(proto: ModelProto): Promise<string[]> {
  const warnings: string[] = [];
  const onWarning = (message: string): void => void warnings.push(message);
  await withModel(modelBytes(proto), () => Promise.resolve(), { onWarning });
  return warnings;
}

describe('loadOnnxModel', () => {
  it.each(CASES)('warns of %s', async (_, proto, message) => {
    expect(await warningsOf(proto)).toEqual([expect.stringMatching(message)]);
  });

  it.each(
    CASES.map(([what, , message], n) => [what, n, message] as const).filter(([, n]) => n < 8),
  )('refuses a model that has nothing but %s', async (_, n, message) => {
    const proto = CASES[n]?.[1] as ModelProto;
    const rest = proto.graph;
    const only = alone({
      nodes: rest?.node.slice(0, -1) ?? [],
      initializers: rest?.initializer.filter(({ name }) => name !== 'w') ?? [],
    });
    await expect(loadOnnxModel(ort, modelBytes(only))).rejects.toMatchObject({
      code: 'ERR_UNSUPPORTED',
      message: expect.stringMatching(message) as string,
    });
  });

  it.each([
    ['single numbers in Constant nodes', gemm()],
    [
      'masks in Constant nodes',
      beside({
        nodes: [
          constant('mask', { value: { tensor: tensor('', [2], [0, -Infinity]) } }),
          node('Add', ['x', 'mask'], ['h']),
        ],
      }),
    ],
    [
      'equal numbers in Constant nodes, as of a batch norm without scale',
      beside({
        nodes: [
          constant('ones', { value: { tensor: tensor('', [2], [1, 1]) } }),
          node('Mul', ['x', 'ones'], ['h']),
        ],
      }),
    ],
    [
      'shapes and indices',
      beside({
        nodes: [node('Gather', ['x', 'index'], ['h'])],
        initializers: [tensor('index', [2], [1, 0], 'int64'), tensor('i', [2], [1, 0], 'int32')],
      }),
    ],
    ['zero points and scales of fake quantization', beside(QAT)],
  ])('does not warn of %s', async (_, proto) => {
    expect(await warningsOf(proto)).toEqual([]);
  });

  it('does not warn of weights that are left in the graph by name', async () => {
    const onWarning = vi.fn<(message: string) => void>();
    await withModel(modelBytes(gemm()), () => Promise.resolve(), { embed: ['b'], onWarning });
    expect(onWarning).not.toHaveBeenCalled();
  });

  it('warns on the console by default, and takes only a function as onWarning', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
    await withModel(modelBytes(sparse()), () => Promise.resolve());
    expect(warn).toHaveBeenCalledOnce();
    warn.mockRestore();
    const onWarning = 'loud' as unknown as () => void;
    await expect(loadOnnxModel(ort, modelBytes(gemm()), { onWarning })).rejects.toThrow(TypeError);
  });

  it('names the first ten of many, and counts them', async () => {
    const many = Array.from({ length: 30 }, (_, n) => tensor(`b${n}`, [2], [n, n], 'bfloat16'));
    const [warning] = await warningsOf(beside({ initializers: many }));
    expect(warning).toMatch(
      /30 weights are not among .*"b9" bfloat16\[2\] and 20 more: of a type/s,
    );
  });
});

describe('parameters', () => {
  const parametersOf = async (proto: ModelProto): Promise<string[]> =>
    withModel(
      modelBytes(proto),
      ({ parameters }) => Promise.resolve(parameters.map(({ name }) => name)),
      { onWarning: () => undefined },
    );

  it.each([
    ['DequantizeLinear', QDQ],
    ['operators on integers', Q_OPERATOR],
  ])('leave out the scales of quantized weights, of %s', async (_, parts) => {
    const proto = beside(parts);
    proto.opsetImport.push(
      create(OperatorSetIdProtoSchema, { domain: 'com.microsoft', version: 1n }),
    );
    expect(await parametersOf(proto)).toEqual(['w']);
  });

  it('keep the scales of fake quantization, which are trained', async () => {
    expect(await parametersOf(beside(QAT))).toEqual(['w', 'v', 's']);
  });

  it('share a weight that two nodes read', async () => {
    const nodes = [node('Mul', ['x', 'w'], ['h'])];
    expect(await parametersOf(beside({ nodes }))).toEqual(['w']);
  });
});

it('turns Constant nodes into weights by the way that the warning names', async () => {
  const source = modelBytes(CASES[4]?.[1] as ModelProto);
  const path = join(tmpdir(), `polyak-onnx-constants-${process.pid}.onnx`);
  const session = await ort.InferenceSession.create(source, {
    graphOptimizationLevel: 'disabled',
    optimizedModelFilePath: path,
  });
  await session.release();
  await withModel(await readFile(path), async (loaded) => {
    expect(loaded.parameters.map(({ name }) => name).toSorted()).toEqual(['c', 'w']);
    await loaded.initializers.get('c')?.set(f32([10, 20], [2]));
    expect(numbers((await loaded.run({ x: f32([0, 0], [2]) }))['y'])).toEqual([11, 22]);
  });
});

it('averageModels refuses files that differ in weights that it cannot average', async () => {
  const of = (q: readonly number[]): Uint8Array => {
    const [first, ...rest] = QDQ.initializers ?? [];
    const initializers = [integers(first?.name ?? '', 3, q), ...rest];
    return modelBytes(beside({ ...QDQ, initializers }));
  };
  await expect(averageModels(ort, [of([1, 2]), of([1, 3])])).rejects.toThrow(
    /"q" has other values/,
  );
});
