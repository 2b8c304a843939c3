// Finds out before the training whether a batch-norm update will succeed after it.
import type { AveragedBatchNorm, Loader } from '@polyak/core';
import { bnUpdate } from '@polyak/core';
import type { BatchNormLayer } from '@polyak/core/interfaces';

/**
 * Runs a batch-norm update on the first batch of the loader, and writes nothing.
 *
 * @throws TypeError where the loader cannot be read again
 * @throws whatever {@link bnUpdate} throws: where the options, the loader or the batch do not fit
 */
export async function rehearse<Batch>({
  model,
  loader,
  ...options
}: AveragedBatchNorm<Batch>): Promise<void> {
  // Without layers, it checks its arguments and does not read the loader.
  await bnUpdate(loader, { ...model, layers: [] }, options);
  requireRereadable(loader);
  const own = new Map<BatchNormLayer, BatchNormLayer>();
  for (const layer of model.layers) own.set({ ...layer, write() {} }, layer);
  const readOnly = {
    ...model,
    layers: [...own.keys()],
    batchMoments: (batch: Batch, layers: readonly BatchNormLayer[]) =>
      model.batchMoments(
        batch,
        layers.map((layer) => own.get(layer) ?? layer),
      ),
  };
  // The first batch may be one of those that are to be skipped.
  const lenient = options.nonFinite === 'skip' ? { nonFinite: 'allow' as const } : {};
  await bnUpdate(firstOf(loader), readOnly, { ...options, ...lenient });
}

async function* firstOf<Batch>(loader: Loader<Batch>): AsyncGenerator<Batch> {
  for await (const batch of loader) {
    yield batch;
    return;
  }
}

function requireRereadable<Batch>(loader: Loader<Batch>): void {
  const iterator =
    Symbol.asyncIterator in loader ? loader[Symbol.asyncIterator]() : loader[Symbol.iterator]();
  if ((iterator as unknown) !== loader) return;
  throw new TypeError(
    'swaCallback: the loader is an iterator or generator object, which can be read once only. ' +
      'Pass an array, or batchLoader(tf, source) of a tf.data.Dataset or a generator function.',
  );
}
