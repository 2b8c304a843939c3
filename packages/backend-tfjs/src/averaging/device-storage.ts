// Averages in tfjs's own operations, for every tfjs backend but cpu.
import type { Tensor, TypedArray, Variable } from '@tensorflow/tfjs-core';
import type { Storage } from './storage.js';
import type { TensorFlow } from '../tensorflow.js';

/**
 * Storage of any tfjs backend.
 *
 * An update computes all results before it touches the first average, so it needs room for one more
 * set of averages.
 *
 * @param tf - the runtime
 * @param roundsEachOperation - whether float32 operations are known to round as IEEE 754 says and
 * never to be contracted
 */
export function deviceStorage(tf: TensorFlow, roundsEachOperation: boolean): Storage {
  const storage: Storage = {
    hold: ({ data, shape, dtype }) =>
      // A copy, since some backends keep the array that they are given.
      tf.tidy(() =>
        tf.variable(
          tf.tensor((data as TypedArray).slice(), [...shape], dtype as Tensor['dtype']),
          false,
        ),
      ),

    clone: (tensor) => tf.tidy(() => tf.variable(tf.clone(tensor), false)),

    // A copy, since some backends give out the array that they keep.
    read: async (tensor) => (await tensor.data()).slice(),

    async allFinite(tensors) {
      if (tensors.length === 0) return [];
      const flags = tf.tidy(() => tf.stack(tensors.map((tensor) => tf.all(tf.isFinite(tensor)))));
      try {
        return Array.from(await flags.data(), Boolean);
      } finally {
        flags.dispose();
      }
    },

    average(averages, live, weight) {
      const results = tf.tidy(() => {
        const w = tf.scalar(weight);
        return averages.map((average, index) =>
          tf.tidy(() => tf.add(average, tf.mul(tf.sub(live[index] as Tensor, average), w))),
        );
      });
      replace(averages, results);
    },

    share() {
      // Device tensors are never written in place.
    },
  };
  if (!roundsEachOperation) return storage;

  return {
    ...storage,
    averageCompensated({ averages, residuals }, live, weight) {
      const results = tf.tidy(() => {
        const w = tf.scalar(weight);
        return averages.map((a, index) =>
          tf.tidy(() => {
            const c = residuals[index] as Variable;
            const delta = tf.add(tf.mul(tf.sub(tf.sub(live[index] as Tensor, a), c), w), c);
            const sum = tf.add(a, delta);
            const b = tf.sub(sum, a);
            return { sum, error: tf.add(tf.sub(a, tf.sub(sum, b)), tf.sub(delta, b)) };
          }),
        );
      });
      replace(
        averages,
        results.map(({ sum }) => sum),
      );
      replace(
        residuals,
        results.map(({ error }) => error),
      );
    },
  };
}

/** Lets the variables hold `results`, by reference, and gives the results' own handles back. */
function replace(variables: readonly Variable[], results: readonly Tensor[]): void {
  variables.forEach((variable, index) => {
    const result = results[index] as Tensor;
    variable.assign(result);
    result.dispose();
  });
}
