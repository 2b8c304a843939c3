// Datasets of tf.data and generator functions as loaders: each pass makes its tensors and frees
// them.
import type { Loader } from '@polyak/core';
import type { Awaitable } from '@polyak/core/interfaces';
import type { TensorContainer } from '@tensorflow/tfjs-core';
import type { TensorFlow } from '../tensorflow.js';
import { requireTensorFlow } from '../tensorflow.js';
import type { InputBatch } from './model-inputs.js';

/** A `tf.data.Dataset` of batches, as `batch` gives it. */
export interface BatchDataset {
  /** Begins a pass. */
  iterator(): Promise<Pick<AsyncIterator<unknown>, 'next'>>;
}

/**
 * A source of batches that is read again for each pass: a `tf.data.Dataset`, or a function that
 * returns an iterable, such as a generator function.
 */
export type BatchSource<Batch> = BatchDataset | (() => Awaitable<Loader<Batch>>);

/**
 * A loader of batches whose tensors are made for one use: each is disposed of when the next one is
 * asked for, and when the pass ends. The source is read anew at each pass.
 *
 * An array of tensors that you keep needs no `batchLoader`: it is a loader itself, and its tensors
 * stay yours. Where a pass ends early (`maxBatches`), tfjs does not free what a dataset with
 * `prefetch` or `shuffle` has made in advance.
 *
 * @param tf - TensorFlow.js
 * @param source - see {@link BatchSource}. The tensors that it yields are the loader's: clone those
 * that you keep.
 * @returns a loader for `bnUpdate`, `withAveraged` and `swaCallback`
 * @throws TypeError where the source is neither a dataset nor a function; later, where the function
 * does not return an iterable
 *
 * @example
 * ```ts
 * import * as tf from '@tensorflow/tfjs';
 * import { bnUpdate } from '@polyak/core';
 * import { batchLoader, batchNormModel } from '@polyak/backend-tfjs';
 *
 * await tf.setBackend('cpu');
 * const layer = tf.layers.batchNormalization({ name: 'bn', inputShape: [1] });
 * const model = tf.sequential({ layers: [layer] });
 * const xs = tf.data.array([[1], [3], [5], [7]]);
 * const dataset = tf.data.zip({ xs, ys: xs }).batch(2);
 * await bnUpdate(batchLoader(tf, dataset), batchNormModel(tf, model), { statistics: 'pooled' });
 * console.log(model.getWeights().map((weight) => weight.dataSync()[0])); // [1, 0, 4, 5]
 * ```
 */
export function batchLoader<Batch = InputBatch>(
  tf: TensorFlow,
  source: BatchSource<Batch>,
): AsyncIterable<Batch> {
  requireTensorFlow('batchLoader', tf);
  const passOf = passesOf(source);
  return {
    async *[Symbol.asyncIterator]() {
      for await (const batch of await passOf()) {
        try {
          yield batch;
        } finally {
          tf.dispose(batch as TensorContainer);
        }
      }
    },
  };
}

function passesOf<Batch>(source: BatchSource<Batch>): () => Awaitable<Loader<Batch>> {
  // What JavaScript passes may be anything.
  const given = source as Partial<BatchDataset> | (() => Awaitable<Loader<Batch>>) | null;
  if (typeof given === 'function') {
    return async () => {
      const pass: unknown = await given();
      if (isIterable<Batch>(pass)) return pass;
      throw new TypeError(
        `batchLoader: the function returned ${typeof pass}, expected an iterable of batches. ` +
          'Pass a generator function.',
      );
    };
  }
  const { iterator } = given ?? {};
  if (typeof iterator === 'function') return () => datasetPass(source as BatchDataset);
  throw new TypeError(
    `batchLoader: the source is ${given === null ? 'null' : typeof given}, expected a ` +
      'tf.data.Dataset or a generator function. An array of batches is a loader itself.',
  );
}

async function* datasetPass<Batch>(dataset: BatchDataset): AsyncGenerator<Batch> {
  const iterator = await dataset.iterator();
  for (;;) {
    const { done, value } = await iterator.next();
    if (done === true) return;
    yield value as Batch;
  }
}

function isIterable<Batch>(value: unknown): value is Loader<Batch> {
  if (typeof value !== 'object' || value === null) return false;
  return Symbol.iterator in value || Symbol.asyncIterator in value;
}
