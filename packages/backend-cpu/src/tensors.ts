// Checks of the tensors that the backend is given. Core compares specs only. An array of the wrong
// type or length would overwrite its neighbour in the arena.
import { PolyakError } from '@polyak/core';
import { arrayOf, elementCount, formatSpec, sameSpec } from '@polyak/core/interfaces';
import type { DType, HostTensor } from '@polyak/core/interfaces';

/** All dtypes but the half-precision ones, which JavaScript has no arithmetic for. */
export const DTYPES: readonly DType[] = [
  'float64',
  'float32',
  'int64',
  'int32',
  'int16',
  'int8',
  'uint64',
  'uint32',
  'uint16',
  'uint8',
  'bool',
];

/** The names of their arrays. */
const NAMES: ReadonlyMap<DType, string> = new Map(
  DTYPES.map((dtype) => [dtype, arrayOf(dtype).name]),
);

/**
 * Refuses a tensor that is not what its dtype and shape say.
 *
 * @param call - the method, for the message
 * @param tensor - any tensor
 * @throws PolyakError `ERR_UNSUPPORTED` for a dtype that is not one of {@link DTYPES}
 * @throws TypeError where `data` is not the typed array of the dtype
 * @throws RangeError where `data` has another length than the shape, as after a transfer
 */
export function requireWellFormed(call: string, tensor: HostTensor): void {
  const { dtype, shape, data } = tensor;
  // By name and not `instanceof`, which fails for arrays of another realm.
  const name = NAMES.get(dtype);
  if (name === undefined) {
    throw new PolyakError(
      'ERR_UNSUPPORTED',
      `${call}: ${formatSpec(tensor)} is not supported by the CPU backend, expected ` +
        `${DTYPES.join(', ')}. Convert it first.`,
    );
  }
  const found = data[Symbol.toStringTag];
  if (found !== name) {
    throw new TypeError(
      `${call}: ${formatSpec(tensor)} has its data in ${found}, expected ${name}. ` +
        'Convert its data first.',
    );
  }
  const count = elementCount(shape);
  if (data.length !== count) {
    throw new RangeError(
      `${call}: ${formatSpec(tensor)} has ${data.length} elements, expected ${count}. ` +
        'Pass the shape of the data, and data whose buffer was not transferred.',
    );
  }
}

/**
 * Refuses a tensor of another spec.
 *
 * @param call - the method, for the message
 * @param name - what `found` is, for the message
 * @param found - the tensor
 * @param expected - a tensor of the expected spec
 * @throws PolyakError `ERR_PARAMETERS`
 */
export function requireSpec(
  call: string,
  name: string,
  found: HostTensor,
  expected: HostTensor,
): void {
  if (sameSpec(found, expected)) return;
  throw new PolyakError(
    'ERR_PARAMETERS',
    `${call}: ${name} is ${formatSpec(found)}, expected ${formatSpec(expected)}. ` +
      'Pass tensors of equal specs.',
  );
}

/**
 * The elements of a tensor that is to be averaged.
 *
 * @param call - the method, for the message
 * @param tensor - any tensor
 * @throws PolyakError `ERR_UNSUPPORTED` for integers
 */
export function floatsOf(call: string, tensor: HostTensor): Float32Array | Float64Array {
  const { dtype, data } = tensor;
  if (dtype === 'float32' || dtype === 'float64') return data as Float32Array | Float64Array;
  throw new PolyakError(
    'ERR_UNSUPPORTED',
    `${call}: ${formatSpec(tensor)} cannot be averaged, only float32 and float64 can. ` +
      'Copy it instead.',
  );
}
