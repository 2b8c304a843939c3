// The batches that loaders give, and the feeds in them.
import type { Tensor } from 'onnxruntime-node';
import { isTensor } from '../dtype.js';

/** A tensor for each input of a model, by name; more may be there. */
export type OnnxFeeds = Readonly<Record<string, Tensor>>;

/**
 * A batch of a loader: feeds; a tensor, for a model of one input; or a list that starts with
 * either, such as `[image, label]`. The tensors stay the caller's.
 */
export type OnnxBatch =
  Tensor | OnnxFeeds | readonly [inputs: Tensor | OnnxFeeds, ...rest: readonly unknown[]];

/**
 * The feeds of a batch.
 *
 * @param batch - see {@link OnnxBatch}
 * @param inputNames - the model's inputs, in the order of the file
 * @throws TypeError where `batch` is none, and for a tensor where the model has several inputs
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
    `The batch is ${isList(batch) ? 'a list that starts with ' : ''}${typeof given}. Pass a ` +
      'record of tensors by name, a tensor, or a list that starts with one of these.',
  );
}

// Array.isArray does not narrow readonly arrays.
function isList<Item>(
  value: readonly [Item, ...unknown[]] | object,
): value is readonly [Item, ...unknown[]] {
  return Array.isArray(value);
}
