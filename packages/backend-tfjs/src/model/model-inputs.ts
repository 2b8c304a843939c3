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
  const given = modelInputs(batch);
  const inputs = isTensor(given)
    ? [given]
    : isList(given)
      ? given
      : names.map((name) => given[name]);
  if (inputs.length === names.length && inputs.every(isTensor)) return inputs;
  throw new TypeError(
    `The batch gives ${inputs.filter(isTensor).length} tensors for the model's inputs ` +
      `[${names.join(', ')}]. Pass a tensor, [x, y], [[x1, x2], y] or { xs, ys }, or the option ` +
      'forward.',
  );
}

function modelInputs(batch: InputBatch): ModelInputs {
  if (isTensor(batch)) return batch;
  return isList(batch) ? batch[0] : batch.xs;
}

function isTensor(value: unknown): value is Tensor {
  return typeof value === 'object' && value !== null && 'dataId' in value;
}

// Array.isArray does not narrow readonly arrays.
function isList<Item>(value: readonly Item[] | object): value is readonly Item[] {
  return Array.isArray(value);
}
