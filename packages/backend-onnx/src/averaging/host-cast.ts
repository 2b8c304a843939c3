// Casts tensors in host memory between floating dtypes.
import { PolyakError } from '@polyak/core';
import type { DType, HostTensor } from '@polyak/core/interfaces';
import { arrayOf, formatSpec, isFloating } from '@polyak/core/interfaces';
import { halfFromFloat, halfToFloat32 } from '@polyak/core/kit';

/**
 * Casts a tensor. Values are rounded to nearest, ties to even.
 *
 * @param tensor - of a floating dtype
 * @param dtype - a floating dtype
 * @returns a tensor with its own memory
 * @throws PolyakError `ERR_UNSUPPORTED` where one of the dtypes is not floating
 */
export function castOnHost(tensor: HostTensor, dtype: DType): HostTensor {
  const { dtype: from, shape, data } = tensor;
  if (from === dtype) return { dtype, shape, data: data.slice() };
  if (!isFloating(from) || !isFloating(dtype)) {
    throw new PolyakError(
      'ERR_UNSUPPORTED',
      `cast: found ${formatSpec(tensor)} to ${dtype}, expected two floating dtypes.`,
    );
  }
  const values =
    from === 'float16' ? halfToFloat32(from, data as Uint16Array) : (data as Float64Array);
  if (dtype === 'float16') return { dtype, shape, data: halfFromFloat(dtype, values) };
  return { dtype, shape, data: new (arrayOf(dtype) as Float64ArrayConstructor)(values) };
}
