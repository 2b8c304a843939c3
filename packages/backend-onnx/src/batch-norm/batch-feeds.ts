// Takes the feeds of a model out of the batches of a loader.
import type { Tensor } from 'onnxruntime-node';
import { foundText } from '../arguments.js';
import { isTensor } from '../dtype.js';

/** A tensor for each input of a model, by name. Other names are ignored. */
export type OnnxFeeds = Readonly<Record<string, Tensor>>;

/**
 * A batch of a loader: feeds, or a tensor for a model of one input, or a list that starts with one
 * of these, such as `[image, label]`. The caller keeps the tensors.
 */
export type OnnxBatch =
  Tensor | OnnxFeeds | readonly [inputs: Tensor | OnnxFeeds, ...rest: readonly unknown[]];

/**
 * Takes the feeds out of a batch.
 *
 * @param batch - see {@link OnnxBatch}
 * @param inputNames - the model's inputs, in the order of the file
 * @throws TypeError for any other value, and for a tensor where the model has several inputs
 */
export function feedsOf(batch: OnnxBatch, inputNames: readonly string[]): OnnxFeeds {
  const given = isList(batch) ? batch[0] : batch;
  if (isTensor(given)) {
    const [name] = inputNames;
    if (name !== undefined && inputNames.length === 1) return { [name]: given };
    throw new TypeError(
      `The batch is a tensor, but the model has the inputs [${inputNames.join(', ')}]. Pass a ` +
        'record of tensors by name.',
    );
  }
  if (typeof given === 'object' && (given as unknown) !== null && !Array.isArray(given))
    return given;
  throw new TypeError(
    `The batch is ${isList(batch) ? 'a list that starts with ' : ''}${foundText(given)}. Pass a ` +
      'record of tensors by name, a tensor, or a list that starts with one of these.',
  );
}

// Array.isArray does not narrow readonly arrays.
function isList<Item>(
  value: readonly [Item, ...unknown[]] | object,
): value is readonly [Item, ...unknown[]] {
  return Array.isArray(value);
}
