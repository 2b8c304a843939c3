// Averages in the typed arrays of tfjs's cpu backend. The kernels of backend-cpu compute them,
// faster than tfjs's own element-wise operations.
import { hostKernels } from '@polyak/backend-cpu/host';
import type { HostTensor } from '@polyak/core/interfaces';
import type { Tensor, TypedArray, Variable } from '@tensorflow/tfjs-core';
import type { TensorFlow } from '../tensorflow.js';
import type { Storage, VariableItem } from './storage.js';

/**
 * Storage of the cpu backend, where a tensor's `dataSync` returns the array it computes with.
 *
 * Other tensors share such an array by reference count; `tf.tensor(array)` and `dataSync` share it
 * with the caller. So an update writes into other arrays. It reuses only arrays that were made here
 * and never were in a model.
 *
 * @param tf - the runtime, its cpu backend active
 */
export function hostStorage(tf: TensorFlow): Storage {
  const kernels = hostKernels();
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

  /** Gives `variable` the array `data`. A later update may reuse its old array if unshared. */
  function put(variable: Variable, data: Float32Array): void {
    const old = variable.dataSync<'float32'>();
    const isUnseen = own.has(old) && tf.backend().refCount(variable.dataId) === 1;
    const tensor = tf.tensor(data, variable.shape, 'float32');
    variable.assign(tensor);
    tensor.dispose();
    own.add(data);
    if (!isUnseen) return;
    own.delete(old);
    kernels.recycle([old]);
  }

  return {
    hold: ({ data, shape, dtype }: HostTensor) =>
      variableOf((data as TypedArray).slice(), shape, dtype as Tensor['dtype']),

    clone: (tensor) => variableOf(tensor.dataSync().slice(), tensor.shape, tensor.dtype),

    allFinite: (tensors) =>
      tensors.map((tensor) => kernels.allFinite(tensor.dataSync<'float32'>())),

    average(items, allowNonFinite) {
      const result = kernels.average(items.map(arraysOf), { allowNonFinite });
      if (result.kind === 'refused') return result;
      return {
        kind: 'averaged',
        items: result.items.map(({ isFinite, hasMoved, ...arrays }, index) => {
          const { average, residual } = items[index] as VariableItem;
          put(average, arrays.average as Float32Array);
          if (residual === undefined) return { average, isFinite, hasMoved };
          put(residual, arrays.residual as Float32Array);
          return { average, residual, isFinite, hasMoved };
        }),
      };
    },

    share(tensors) {
      for (const tensor of tensors) own.delete(tensor.dataSync());
    },
  };
}

function arraysOf({ average, residual, live, weight }: VariableItem): {
  readonly average: Float32Array;
  readonly residual: Float32Array | undefined;
  readonly live: Float32Array;
  readonly weight: number;
} {
  return {
    average: average.dataSync<'float32'>(),
    residual: residual?.dataSync<'float32'>(),
    live: live.dataSync<'float32'>(),
    weight,
  };
}
