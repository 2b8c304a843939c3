// The steps of one `model.fitDataset`, one at a time, so that they can be timed in turn with those
// of another.
import type { TensorFlowWithLayers } from '@polyak/backend-tfjs';
import type { CustomCallback, LayersModel, Tensor } from '@tensorflow/tfjs';

/** A training that waits before each step. */
export interface FitSteps {
  step(): Promise<void>;
  end(): Promise<unknown>;
}

/**
 * Begins to train on the same batch again and again.
 *
 * @param batch - images and labels; they stay the caller's
 * @param callbacks - for `fitDataset`
 */
export function fitSteps(
  tf: TensorFlowWithLayers,
  model: LayersModel,
  [xs, ys]: readonly [Tensor, Tensor],
  callbacks: readonly CustomCallback[],
): FitSteps {
  // Each promise is made before it can be resolved.
  let asked = deferred<boolean>();
  let ended = deferred<undefined>();
  const next = async (): Promise<object> => {
    const goesOn = await asked.promise;
    asked = deferred();
    return goesOn ? { value: { xs: xs.clone(), ys: ys.clone() }, done: false } : { done: true };
  };
  const dataset = { iterator: async () => ({ next }) };
  const last = new tf.CustomCallback({ onBatchEnd: async () => ended.resolve(undefined) });
  const fit = model.fitDataset(dataset as unknown as Parameters<LayersModel['fitDataset']>[0], {
    epochs: 1,
    yieldEvery: 'never',
    verbose: 0,
    callbacks: [...callbacks, last],
  });
  return {
    async step() {
      ended = deferred();
      asked.resolve(true);
      await Promise.race([ended.promise, fit]);
    },
    async end() {
      asked.resolve(false);
      await fit;
    },
  };
}

interface Deferred<Value> {
  readonly promise: Promise<Value>;
  readonly resolve: (value: Value) => void;
}

/** `Promise.withResolvers`, which Node has from 22 on. */
function deferred<Value>(): Deferred<Value> {
  let resolve: (value: Value) => void = () => undefined;
  const promise = new Promise<Value>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
