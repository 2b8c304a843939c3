// Averages in the typed arrays of tfjs's cpu backend, updated in place where nobody else can see
// them.
import type { HostTensor } from '@polyak/core';
import type { Tensor, TypedArray, Variable } from '@tensorflow/tfjs-core';
import { average as averageArrays, averageCompensated, isAllFinite } from './host-kernels.js';
import type { Storage } from './storage.js';
import type { TensorFlow } from '../tensorflow.js';

/**
 * Storage of the cpu backend, where a tensor's `dataSync` is the very array that it computes with.
 *
 * Such an array can be seen from many places: other tensors share it by reference count,
 * `tf.tensor(array)` and `dataSync` share it with the caller. So an update writes only into arrays
 * that were made here and were in no model since, and allocates anew otherwise.
 *
 * @param tf - the runtime, its cpu backend active
 */
export function hostStorage(tf: TensorFlow): Storage {
  const own = new WeakSet<TypedArray>();

  function variableOf(
    data: TypedArray,
    shape: readonly number[],
    dtype: Tensor['dtype'],
  ): Variable {
    const variable = tf.tidy(() => tf.variable(tf.tensor(data, [...shape], dtype), false));
    own.add(data);
    return variable;
  }

  /** The array to write the next contents of `variable` into: its own, or a new one. */
  function target(variable: Variable, data: Float32Array): Float32Array {
    const isUnshared = own.has(data) && tf.backend().refCount(variable.dataId) === 1;
    return isUnshared ? data : new Float32Array(data.length);
  }

  /** Lets `variable` hold `data`, unless it does already. */
  function put(variable: Variable, data: Float32Array, old: Float32Array): void {
    if (data === old) return;
    const tensor = tf.tensor(data, variable.shape, 'float32');
    variable.assign(tensor);
    tensor.dispose();
    own.add(data);
  }

  return {
    hold: ({ data, shape, dtype }: HostTensor) =>
      variableOf((data as TypedArray).slice(), shape, dtype as Tensor['dtype']),

    clone: (tensor) => variableOf(tensor.dataSync().slice(), tensor.shape, tensor.dtype),

    // Not `data()`: it resolves to the live array, which an update before that would have changed.
    read: async (tensor) => tensor.dataSync().slice(),

    allFinite: async (tensors) =>
      tensors.map((tensor) => isAllFinite(tensor.dataSync<'float32'>())),

    average(averages, live, weight) {
      // All that can throw comes before the first write.
      const updates = averages.map((variable, index) => {
        const from = variable.dataSync<'float32'>();
        return {
          variable,
          from,
          to: target(variable, from),
          live: (live[index] as Tensor).dataSync<'float32'>(),
        };
      });
      for (const update of updates) averageArrays(update.to, update.from, update.live, weight);
      for (const { variable, to, from } of updates) put(variable, to, from);
    },

    averageCompensated({ averages, residuals }, live, weight) {
      const updates = averages.map((variable, index) => {
        const carrier = residuals[index] as Variable;
        const from = {
          average: variable.dataSync<'float32'>(),
          residual: carrier.dataSync<'float32'>(),
        };
        const to = {
          average: target(variable, from.average),
          residual: target(carrier, from.residual),
        };
        return { variable, carrier, from, to, live: (live[index] as Tensor).dataSync<'float32'>() };
      });
      for (const { to, from, live: values } of updates)
        averageCompensated(to, from, values, weight);
      for (const { variable, carrier, to, from } of updates) {
        put(variable, to.average, from.average);
        put(carrier, to.residual, from.residual);
      }
    },

    share(tensors) {
      for (const tensor of tensors) own.delete(tensor.dataSync());
    },
  };
}
