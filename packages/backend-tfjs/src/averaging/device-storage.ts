// Averages in tfjs's own operations, for every tfjs backend but cpu.
import type { AverageResult } from '@polyak/core/interfaces';
import type { Scalar, Tensor, TypedArray, Variable } from '@tensorflow/tfjs-core';
import type { TensorFlow } from '../tensorflow.js';
import { withElements } from './elements.js';
import type { Storage, VariableItem } from './storage.js';

/**
 * Storage of any tfjs backend.
 *
 * An update computes all results before it touches the first average, so it needs room for one more
 * set of averages. What became of them is in one small tensor, which is read once.
 *
 * @param tf - the runtime
 */
export function deviceStorage(tf: TensorFlow): Storage {
  return {
    hold: ({ data, shape, dtype }) =>
      // A copy, since some backends keep the array that they are given.
      tf.tidy(() =>
        tf.variable(
          tf.tensor((data as TypedArray).slice(), [...shape], dtype as Tensor['dtype']),
          false,
        ),
      ),

    clone: (tensor) => tf.tidy(() => tf.variable(tf.clone(tensor), false)),

    allFinite(tensors) {
      if (tensors.length === 0) return [];
      const flags = tf.tidy(() => tf.stack(tensors.map((tensor) => tf.all(tf.isFinite(tensor)))));
      return readOnce(tf, flags, [], (read) => Array.from(read, Boolean));
    },

    average(items, allowNonFinite) {
      if (items.length === 0) return { kind: 'averaged', items: [] };
      const { results, flags } = tf.tidy(() => {
        const updates = updated(tf, items);
        return { results: updates, flags: flagsOf(tf, items, updates) };
      });
      // A scope of the caller's must not free them while the flags are read.
      for (const { average, residual } of results) {
        tf.keep(average);
        if (residual !== undefined) tf.keep(residual);
      }
      return readOnce(tf, flags, results, (read): AverageResult<Tensor> => {
        const isFinite = items.map((_, index) => read[2 * index] === 1);
        const nonFinite = items.flatMap((_, index) => (isFinite[index] ? [] : [index]));
        if (nonFinite.length > 0 && !allowNonFinite) {
          tf.dispose(results);
          return { kind: 'refused', nonFinite };
        }
        return {
          kind: 'averaged',
          items: items.map(({ average, residual }, index) => {
            const result = results[index] as Update;
            replace(average, result.average);
            if (residual !== undefined) replace(residual, result.residual as Tensor);
            return {
              average,
              ...(residual === undefined ? {} : { residual }),
              isFinite: isFinite[index] as boolean,
              hasMoved: read[2 * index + 1] === 1,
            };
          }),
        };
      });
    },

    share() {
      // Device tensors are never written in place.
    },
  };
}

/** The new values of one item. */
type Update = { average: Tensor; residual?: Tensor };

function updated(tf: TensorFlow, items: readonly VariableItem[]): Update[] {
  const weights = new Map<number, Scalar>();
  for (const { weight } of items) {
    if (!weights.has(weight)) weights.set(weight, tf.scalar(weight));
  }
  return items.map(({ average: a, residual: c, live, weight }) =>
    tf.tidy((): Update => {
      const w = weights.get(weight) as Scalar;
      const distance = tf.sub(live, a);
      if (c === undefined) return { average: tf.add(a, tf.mul(distance, w)) };
      const delta = tf.add(tf.mul(tf.sub(distance, c), w), c);
      // TwoSum (Knuth) of average and delta.
      const sum = tf.add(a, delta);
      const b = tf.sub(sum, a);
      return { average: sum, residual: tf.add(tf.sub(a, tf.sub(sum, b)), tf.sub(delta, b)) };
    }),
  );
}

/** Two flags for each item, one after the other: whether it is finite, and whether it has moved. */
function flagsOf(
  tf: TensorFlow,
  items: readonly VariableItem[],
  updates: readonly Update[],
): Tensor {
  return tf.stack(
    items.flatMap(({ average, live }, index) => {
      if (average.size === 0) return [tf.scalar(true, 'bool'), tf.scalar(false, 'bool')];
      const result = updates[index] as Update;
      return tf.tidy(() => [
        tf.all(tf.isFinite(result.average)),
        tf.any(tf.notEqual(live, average)),
      ]);
    }),
  );
}

/** What `use` makes of `flags`, which are freed; `results` too where they cannot be read. */
function readOnce<R>(
  tf: TensorFlow,
  flags: Tensor,
  results: Update[],
  use: (read: TypedArray) => R,
): R | Promise<R> {
  tf.keep(flags);
  const free = (): void => {
    flags.dispose();
    tf.dispose(results);
  };
  try {
    const used = withElements(tf, [flags], ([read]) => {
      flags.dispose();
      return use(read as TypedArray);
    });
    if (!(used instanceof Promise)) return used;
    return used.catch((error: unknown) => {
      free();
      throw error;
    });
  } catch (error) {
    free();
    throw error;
  }
}

/** Lets the variable hold `result`, by reference, and gives the result's own handle back. */
function replace(variable: Variable, result: Tensor): void {
  variable.assign(result);
  result.dispose();
}
