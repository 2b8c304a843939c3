// Averages checkpoint files of one model, one file at a time.
import { PolyakError } from '@polyak/core';
import { requireOptions } from '@polyak/core/kit';
import { isFloating } from '@polyak/core/interfaces';
import type { HostTensor } from '@polyak/core/interfaces';
import type { TensorProto } from '../proto/onnx_pb.js';
import { foundText, requireOrt } from '../arguments.js';
import { bytesOf } from '../file/bytes.js';
import { elementTypeOf } from '../file/element-type.js';
import type { LoadOnnxModelOptions } from './load-model.js';
import { MODEL_OPTIONS, modelOf, takenApart } from './load-model.js';
import type { OnnxModel } from './model.js';
import { modelDifferences } from './model-differences.js';
import type { ModelSource } from '../file/model-source.js';
import { labelOf, readModel } from '../file/model-source.js';
import type { Ort } from '../ort.js';
import type { ModelWithGraph } from '../file/proto.js';
import { copyModel } from '../file/proto.js';
import { clearData, readTensor, setRawData } from '../file/tensor-data.js';
import type { TensorMean } from './tensor-mean.js';
import { tensorMean } from './tensor-mean.js';

/** Options of {@link averageModels}. */
export interface AverageModelsOptions extends Omit<LoadOnnxModelOptions, 'onWarning'> {
  /** The weight of each file, >= 0. Only their ratios matter. Default: equal weights. */
  readonly weights?: readonly number[];
}

/**
 * Averages K checkpoint files of one graph: `sum(weight[k] * model[k]) / sum(weight)`, in float64
 * and rounded once. Everything but the weights comes from the first file.
 *
 * The mean of the running statistics of batch norm does not fit the averaged weights. Let
 * `bnUpdate` estimate the statistics, then save. Weights that cannot be averaged, such as integers
 * and constants of nodes, must be equal in all files. Only one file is in memory at a time, with a
 * float64 value for each weight.
 *
 * @param ort - the module `onnxruntime-node`
 * @param sources - paths or bytes of one or more .onnx files
 * @param options - the weights of the files, and options of {@link loadOnnxModel} for the result
 * @returns a model; release it
 * @throws `PolyakError` `ERR_MODEL` where a file is damaged, and where files differ in more than
 * their weights: in graphs, attributes, inputs, opsets, initializers, shapes or dtypes. The message
 * lists every difference of every file.
 * @throws `PolyakError` `ERR_NON_FINITE` where a weight holds NaN, or an infinity that other files
 * do not have
 * @throws RangeError where there is no file, and where `weights` is not one finite number >= 0 for
 * each file, or all of them are 0
 * @example
 * ```ts
 * import * as ort from 'onnxruntime-node';
 * import { averageModels } from '@polyak/backend-onnx';
 * import { create, toBinary } from '@bufbuild/protobuf';
 * import { ModelProtoSchema } from '@polyak/backend-onnx/proto';
 *
 * const type = { value: { case: 'tensorType' as const, value: { elemType: 1, shape: {} } } };
 * const checkpoint = (scale: number) =>
 *   toBinary(
 *     ModelProtoSchema,
 *     create(ModelProtoSchema, {
 *       irVersion: 8n,
 *       opsetImport: [{ version: 17n }],
 *       graph: {
 *         name: 'scaling',
 *         node: [{ opType: 'Mul', input: ['x', 'scale'], output: ['y'] }],
 *         initializer: [{ name: 'scale', dataType: 1, floatData: [scale] }],
 *         input: [{ name: 'x', type }],
 *         output: [{ name: 'y', type }],
 *       },
 *     }),
 *   );
 *
 * const model = await averageModels(ort, [checkpoint(1), checkpoint(2), checkpoint(6)]);
 * const { y } = await model.run({ x: new ort.Tensor('float32', [10], []) });
 * console.log(y.data); // Float32Array(1) [30]
 * await model.release();
 * ```
 * @see https://arxiv.org/abs/1803.05407
 */
export async function averageModels(
  ort: Ort,
  sources: readonly ModelSource[],
  options: AverageModelsOptions = {},
): Promise<OnnxModel> {
  requireOrt('averageModels', ort);
  const given = requireOptions('averageModels', options, [...MODEL_OPTIONS, 'weights']);
  if (!Array.isArray(sources)) {
    throw new TypeError(
      `averageModels: the sources are ${foundText(sources)}, expected a list of paths or bytes.`,
    );
  }
  const weights = scaled(checkWeights(sources, given.weights));
  const labels = sources.map((source, index) => labelOf(source, `averageModels: model ${index}`));
  let average: Average | undefined;
  const differences: string[] = [];
  for (const [index, source] of sources.entries()) {
    const label = labels[index] ?? '';
    const model = await readModel(source, label, given.folder);
    const weight = weights[index] ?? 0;
    if (average === undefined) {
      average = startAverage(model, weight, label);
      continue;
    }
    const found = modelDifferences(average.template, model, label);
    differences.push(...found.map((text) => `${label}: ${text}`));
    // After the first difference, only more differences are looked for.
    if (differences.length === 0) addToAverage(average, model, weight, label);
  }
  if (average === undefined)
    throw new RangeError('averageModels: the list of models is empty, expected one or more.');
  if (differences.length > 0) throw differing(labels[0] ?? '', differences);
  const label = `the average of ${sources.length} models`;
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const model = finishAverage(average, total);
  return await modelOf(ort, takenApart(model, given, label), given, label);
}

/** The average of the files that were read so far. */
interface Average {
  /** The first file without the data of its weights. */
  readonly template: ModelWithGraph;
  readonly means: Map<string, TensorMean>;
}

function checkWeights(
  sources: readonly unknown[],
  weights: readonly number[] = sources.map(() => 1),
): readonly number[] {
  const isFit =
    weights.length === sources.length &&
    weights.every((weight) => weight >= 0 && Number.isFinite(weight)) &&
    (weights.length === 0 || weights.some((weight) => weight > 0)) &&
    Number.isFinite(weights.reduce((sum, weight) => sum + weight, 0));
  if (isFit) return weights;
  throw new RangeError(
    `averageModels: the weights are [${weights.join(', ')}], expected ${sources.length} finite ` +
      'numbers >= 0, at least one of them positive.',
  );
}

/** Weights times a power of two, so that they add up to at most 1. */
function scaled(weights: readonly number[]): readonly number[] {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const exponent = Math.ceil(Math.log2(total));
  const power = 2 ** -Math.max(exponent, LEAST_EXPONENT);
  return weights.map((weight) => weight * power);
}

/** Where the power is a number yet. */
const LEAST_EXPONENT = -1000;

function startAverage(model: ModelWithGraph, weight: number, label: string): Average {
  const means = new Map<string, TensorMean>();
  for (const initializer of floatInitializers(model)) {
    const tensor = readFloat(initializer, label);
    const mean = tensorMean(tensor);
    addTensor(mean, initializer, tensor, weight, label);
    means.set(initializer.name, mean);
    clearData(initializer);
  }
  // A copy, so that the bytes of the file can be collected.
  return { template: copyModel(model), means };
}

function addToAverage(
  average: Average,
  model: ModelWithGraph,
  weight: number,
  label: string,
): void {
  for (const initializer of floatInitializers(model)) {
    const tensor = readFloat(initializer, label);
    const mean = average.means.get(initializer.name);
    if (mean !== undefined) addTensor(mean, initializer, tensor, weight, label);
  }
}

function addTensor(
  mean: TensorMean,
  initializer: TensorProto,
  tensor: HostTensor,
  weight: number,
  label: string,
): void {
  if (weight > 0 && !mean.add(tensor, weight)) throw nonFinite(initializer, label);
}

function finishAverage({ template, means }: Average, total: number): ModelWithGraph {
  for (const initializer of template.graph.initializer) {
    const mean = means.get(initializer.name);
    if (mean === undefined) continue;
    setRawData(initializer, bytesOf(mean.finish(total).data));
    means.delete(initializer.name);
  }
  return template;
}

function floatInitializers({ graph }: ModelWithGraph): readonly TensorProto[] {
  return graph.initializer.filter((initializer) =>
    isFloating(elementTypeOf(initializer)?.dtype ?? 'bool'),
  );
}

function readFloat(initializer: TensorProto, label: string): HostTensor {
  const type = elementTypeOf(initializer);
  if (type === undefined)
    throw new TypeError(`${label}: "${initializer.name}" is not a float tensor.`);
  return readTensor(initializer, type, label);
}

function nonFinite({ name }: TensorProto, label: string): PolyakError {
  return new PolyakError(
    'ERR_NON_FINITE',
    `averageModels: ${label}: "${name}" holds NaN, or an infinity that other models do not ` +
      'have. Leave this model out.',
  );
}

function differing(reference: string, differences: readonly string[]): PolyakError {
  const lines = differences.map((text) => `\n- ${text}`).join('');
  return new PolyakError(
    'ERR_MODEL',
    `averageModels: found ${differences.length} differences from ${reference}. Average ` +
      `checkpoints of one graph only.${lines}`,
  );
}
