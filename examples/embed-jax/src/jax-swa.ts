// SWA inside jax-js: where the arrays of a network are.
import { numpy as np } from '@jax-js/jax';
import { identityOf } from '@polyak/core/embedding';
import type { HostTensor, Parameter } from '@polyak/core/interfaces';

/** Arrays by name, such as weights or momentum. A step replaces the arrays of the same record. */
export type Arrays = Record<string, np.Array>;

/**
 * The arrays of a record, for the CPU backend, which gets copies of them.
 *
 * @param arrays - float32; the record lives as long as the network
 * @param prefix - of the names
 */
export function arrayParameters(arrays: Arrays, prefix = ''): readonly Parameter<HostTensor>[] {
  return Object.keys(arrays).map((key) => ({
    name: `${prefix}${key}`,
    identity: identityOf(arrays, key),
    get: () => hostTensor(arrayOf(arrays, key)),
    set: ({ data, shape }) => {
      const old = arrayOf(arrays, key);
      arrays[key] = np.array(Float32Array.from(data as Float32Array), { shape: [...shape] });
      old.dispose(); // Ours: the record held the only reference.
    },
  }));
}

function arrayOf(arrays: Arrays, key: string): np.Array {
  const array = arrays[key];
  if (array === undefined) throw new TypeError(`"${key}" is gone.`);
  return array;
}

function hostTensor(array: np.Array): HostTensor {
  if (array.dtype !== np.float32) throw new TypeError(`An array is ${array.dtype}, not float32.`);
  // Reading takes a reference, so it is given one of its own.
  return { dtype: 'float32', shape: array.shape, data: array.ref.dataSync() as Float32Array };
}
