// What must hold before the first byte is written. Core checks specs itself; what is checked again here is what would
// otherwise overwrite the neighbours in the arena, or feed a loop another kind of array than it was compiled for.
import { arrayOf, elementCount, formatSpec, PolyakError, sameSpec } from '@polyak/core';
import type { DType, HostTensor } from '@polyak/core';
import type { FloatDType } from './kernel/engine.js';

/** The dtypes of the CPU backend: all but the half-precision ones, which JavaScript has no arithmetic for. */
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

/**
 * Refuses a tensor that is not what its dtype and shape say.
 *
 * @param call - the method, for the message
 * @param tensor - any tensor
 * @throws PolyakError `ERR_UNSUPPORTED` for a dtype that is not one of {@link DTYPES}
 * @throws TypeError where `data` is not the typed array of the dtype
 * @throws RangeError where `data` has another length than the shape, as after its buffer was transferred
 */
export function requireWellFormed(call: string, tensor: HostTensor): void {
  const { dtype, shape, data } = tensor;
  if (!DTYPES.includes(dtype)) {
    throw new PolyakError(
      'ERR_UNSUPPORTED',
      `${call}: ${formatSpec(tensor)} on the CPU backend, which takes ${DTYPES.join(', ')}. ` +
        'Convert it first.',
    );
  }
  // By name and not `instanceof`, which fails for arrays of another realm, such as those that Jest passes.
  const { name } = arrayOf(dtype);
  const found = data[Symbol.toStringTag];
  if (found !== name) {
    throw new TypeError(
      `${call}: ${formatSpec(tensor)} is held in ${found}, expected ${name}. Convert its data ` +
        'first.',
    );
  }
  const count = elementCount(shape);
  if (data.length !== count) {
    throw new RangeError(
      `${call}: ${formatSpec(tensor)} has ${data.length} elements, expected ${count}. Pass the ` +
        'shape of the data, and data whose buffer was not transferred.',
    );
  }
}

/**
 * The dtype of a tensor that is to be averaged.
 *
 * @param call - the method, for the message
 * @param tensor - any tensor
 * @returns its dtype
 * @throws PolyakError `ERR_UNSUPPORTED` for integers
 */
export function floatDType(call: string, tensor: HostTensor): FloatDType {
  const { dtype } = tensor;
  if (dtype === 'float32' || dtype === 'float64') {
    return dtype;
  }
  throw new PolyakError(
    'ERR_UNSUPPORTED',
    `${call}: ${formatSpec(tensor)} cannot be averaged, only float32 and float64 can. Copy it ` +
      'instead.',
  );
}

/**
 * Refuses two tensors that are not alike.
 *
 * @param call - the method, for the message
 * @param name - what `other` is, for the message
 * @param tensor - the one whose spec is expected
 * @param other - the one whose spec may differ
 * @throws PolyakError `ERR_PARAMETERS` where they differ in dtype or shape
 */
export function requireSameSpec(
  call: string,
  name: string,
  tensor: HostTensor,
  other: HostTensor,
): void {
  if (!sameSpec(tensor, other)) {
    throw new PolyakError(
      'ERR_PARAMETERS',
      `${call}: ${name} is ${formatSpec(other)}, expected ${formatSpec(tensor)}. Pass tensors of ` +
        'equal specs.',
    );
  }
}

/**
 * The elements of two lists, in pairs.
 *
 * @param call - the method, for the message
 * @param first - a list
 * @param second - another
 * @returns as many pairs as either list has elements
 * @throws RangeError where one is longer
 */
export function pairs<A, B>(
  call: string,
  first: readonly A[],
  second: readonly B[],
): readonly (readonly [A, B])[] {
  if (first.length !== second.length) {
    throw new RangeError(
      `${call}: lists of ${first.length} and ${second.length}, expected equal lengths. Pass one ` +
        'of each for each parameter.',
    );
  }
  return first.map((element, index) => [element, second[index] as B]);
}

/**
 * Refuses parameters that share memory: exchanged one after the other, one would get what the other held.
 *
 * @param items - what is to be swapped
 * @throws PolyakError `ERR_PARAMETERS`
 */
export function requireDisjoint(
  items: readonly { readonly parameter: { readonly name: string }; readonly live: HostTensor }[],
): void {
  const byBuffer = new Map<ArrayBufferLike, { name: string; start: number; end: number }[]>();
  for (const { parameter, live } of items) {
    const { buffer, byteOffset: start, byteLength } = live.data;
    const ranges = byBuffer.get(buffer) ?? [];
    ranges.push({ name: parameter.name, start, end: start + byteLength });
    byBuffer.set(buffer, ranges);
  }
  for (const ranges of byBuffer.values()) {
    ranges.sort((a, b) => a.start - b.start);
    ranges.reduce((before, range) => {
      if (range.start < before.end && range.start < range.end) {
        throw new PolyakError(
          'ERR_PARAMETERS',
          `swap: "${before.name}" and "${range.name}" share memory. Pass tied parameters with ` +
            'the same array, others with memory of their own.',
        );
      }
      return range.end > before.end ? range : before;
    });
  }
}
