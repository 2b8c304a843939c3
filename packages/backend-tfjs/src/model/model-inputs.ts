// Batches as tfjs's training loops give them, and the model inputs in them.
import type { Tensor } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';

/**
 * The inputs of a layers model: one tensor, or for a model of several inputs a list or a record by
 * input name.
 */
export type ModelInputs = Tensor | readonly Tensor[] | Readonly<Record<string, Tensor>>;

/**
 * A batch of inputs: a tensor; a list that starts with the inputs, such as `[x, y]` or
 * `[[x1, x2], y]`; or a record like those of tf.data, `{ xs, ys }`. The tensors stay the caller's.
 */
export type InputBatch =
  Tensor | readonly [inputs: ModelInputs, ...rest: readonly unknown[]] | DatasetBatch;

/** A batch as tf.data gives it. */
export interface DatasetBatch {
  /** The inputs. */
  readonly xs: ModelInputs;
  /** The targets, which are not read. */
  readonly ys?: unknown;
}

/**
 * The inputs of `batch`, in the order of the model's inputs.
 *
 * @throws TypeError where the batch has no tensor in their place, or not one for each input
 */
export function inputsOf(model: LayersModel, batch: InputBatch): readonly Tensor[] {
  // Not `model.inputNames`, which a sequential model only has once it is compiled.
  const names = model.inputs.map(({ sourceLayer }) => sourceLayer.name);
  const inputs = listed(modelInputs(batch), names);
  if (inputs.length === names.length && inputs.every(isTensor)) return inputs;
  throw new TypeError(
    `The batch has ${inputs.filter(isTensor).length} tensors for the ${names.length} inputs of ` +
      `the model, [${names.join(', ')}]. Pass a tensor, [x, y], [[x1, x2], y] or { xs, ys }, or ` +
      'the option forward.',
  );
}

function modelInputs(batch: InputBatch): ModelInputs | undefined {
  if (isTensor(batch)) return batch;
  // What JavaScript passes, and what a dataset yields, may be anything.
  const given = batch as Exclude<InputBatch, Tensor> | null | undefined;
  return isList(given) ? given[0] : given?.xs;
}

/** In the order of `names`; undefined where one is missing. */
function listed(
  inputs: ModelInputs | null | undefined,
  names: readonly string[],
): readonly (Tensor | undefined)[] {
  if (isTensor(inputs)) return [inputs];
  return isList(inputs) ? inputs : names.map((name) => inputs?.[name]);
}

function isTensor(value: unknown): value is Tensor {
  return typeof value === 'object' && value !== null && 'dataId' in value;
}

// Array.isArray does not narrow readonly arrays.
function isList<Item>(
  value: readonly Item[] | object | null | undefined,
): value is readonly Item[] {
  return Array.isArray(value);
}
