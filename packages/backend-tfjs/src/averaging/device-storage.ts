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
      const { results, flags } = tf.tidy(() => updated(tf, items));
      // A scope of the caller's must not free them while the flags are read.
      for (const { average, residual } of results) {
        tf.keep(average);
        if (residual !== undefined) tf.keep(residual);
      }
      return readOnce(tf, flags, results, (read): AverageResult<Tensor> => {
        const isFinite = items.map((_, index) => read[index] === 1);
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
              // The largest of several numbers may pass over NaN, which is not finite either.
              hasMoved: read[items.length + index] !== 0 || !(isFinite[index] as boolean),
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

/** Two scalars that tell what became of an item. */
type Flags = { isFinite: Tensor; distance: Tensor };

function updated(
  tf: TensorFlow,
  items: readonly VariableItem[],
): { results: Update[]; flags: Tensor } {
  const weights = new Map<number, Scalar>();
  for (const { weight } of items) {
    if (!weights.has(weight)) weights.set(weight, tf.scalar(weight));
  }
  const flags: Flags[] = [];
  const results = items.map(({ average: a, residual: c, live, weight }) => {
    const w = weights.get(weight) as Scalar;
    const made = tf.tidy(() => {
      const distance = tf.sub(live, a);
      const update =
        c === undefined
          ? { average: tf.add(a, tf.mul(distance, w)) }
          : compensated(tf, a, c, distance, w);
      return { update, flags: flagsOf(tf, update.average, distance) };
    });
    flags.push(made.flags);
    return made.update;
  });
  const finite = tf.cast(tf.stack(flags.map(({ isFinite }) => isFinite)), 'float32');
  return { results, flags: tf.concat([finite, tf.stack(flags.map(({ distance }) => distance))]) };
}

function compensated(tf: TensorFlow, a: Tensor, c: Tensor, distance: Tensor, w: Scalar): Update {
  const delta = tf.add(tf.mul(tf.sub(distance, c), w), c);
  // TwoSum (Knuth) of average and delta.
  const sum = tf.add(a, delta);
  const b = tf.sub(sum, a);
  return { average: sum, residual: tf.add(tf.sub(a, tf.sub(sum, b)), tf.sub(delta, b)) };
}

/**
 * Some runtimes compare elements much more slowly than they subtract them: so the largest distance.
 */
function flagsOf(tf: TensorFlow, result: Tensor, distance: Tensor): Flags {
  return result.size === 0
    ? { isFinite: tf.scalar(true, 'bool'), distance: tf.scalar(0) }
    : { isFinite: tf.all(tf.isFinite(result)), distance: tf.max(tf.abs(distance)) };
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
