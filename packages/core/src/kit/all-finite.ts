// Checks host memory for NaN and infinities. Each kind of array has its own loop, since engines
// optimise loops over one kind better.
import type { DType, HostArray } from '../tensor/tensor.js';

/**
 * Whether all elements are finite. True for integers and for an empty array.
 *
 * @param dtype - the dtype of the elements
 * @param data - the elements; half precision as bits
 */
export function allFinite(dtype: DType, data: HostArray): boolean {
  switch (dtype) {
    case 'float32':
      return allFinite32(data as Float32Array);
    case 'float64':
      return allFinite64(data as Float64Array);
    case 'float16':
      return allBelow(data as Uint16Array, 0x7c00);
    case 'bfloat16':
      return allBelow(data as Uint16Array, 0x7f80);
    default:
      return true;
  }
}

function allFinite32(data: Float32Array): boolean {
  for (let i = 0; i < data.length; i += 1) {
    const x = data[i] as number;
    if (x - x !== 0) return false;
  }
  return true;
}

function allFinite64(data: Float64Array): boolean {
  for (let i = 0; i < data.length; i += 1) {
    const x = data[i] as number;
    if (x - x !== 0) return false;
  }
  return true;
}

/** Whether all magnitudes are below infinity, so that none is an infinity or NaN. */
function allBelow(bits: Uint16Array, infinity: number): boolean {
  for (let i = 0; i < bits.length; i += 1) {
    if (((bits[i] as number) & 0x7fff) >= infinity) return false;
  }
  return true;
}
