// A cell of a live model whose weights are plain typed arrays.
import type { HostTensor, Parameter } from '@polyak/core/interfaces';
import { copyBytes } from './bytes.js';
import { requireSpec, requireWellFormed } from './tensors.js';

/**
 * A parameter over a tensor in host memory. Setting it copies the contents into that tensor's own
 * array, so that whoever computes with the array sees them.
 *
 * @param name - unique within the model and stable between runs
 * @param tensor - what the model computes with; float32, float64, integer or bool. It stays the
 *   caller's.
 * @returns the cell; its `set` throws a `PolyakError` `ERR_PARAMETERS` for a tensor of
 *   another dtype or shape
 * @throws PolyakError `ERR_UNSUPPORTED` for half-precision tensors
 * @throws TypeError where an argument is not what it should be, or `data` is not the typed array
 *   of the dtype
 * @throws RangeError where `data` has another length than the shape
 */
export function parameter(name: string, tensor: HostTensor): Parameter<HostTensor> {
  // What JavaScript passes may be anything.
  const given = tensor as Partial<HostTensor> | null | undefined;
  if (typeof name !== 'string' || !Array.isArray(given?.shape) || !ArrayBuffer.isView(given.data)) {
    throw new TypeError(
      'parameter: expected a name and a tensor, such as ' +
        "('weight', { dtype: 'float32', shape: [2], data: new Float32Array(2) }).",
    );
  }
  requireWellFormed('parameter', tensor);
  const { buffer: memory, byteOffset, byteLength } = tensor.data;
  return {
    name,
    identity: { memory, byteOffset, byteLength },
    get: () => tensor,
    set: (contents) => {
      requireWellFormed('set', contents);
      requireSpec('set', `the tensor for "${name}"`, contents, tensor);
      copyBytes(tensor.data, contents.data);
    },
  };
}
