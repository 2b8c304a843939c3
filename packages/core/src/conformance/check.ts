// Assertions of the conformance suite, and the float64 reference that backends are compared with.
import { arrayOf, elementCount, formatSpec, isHalf, sameSpec } from '../tensor.js';
import type { DType, HostTensor } from '../tensor.js';
import { halfBits } from '../half.js';

const LARGEST = 3.4028234663852886e38;
const LEAST_NORMAL = 1.1754943508222875e-38;
const LEAST = 1.401298464324817e-45;

/** Float32 values whose bits get lost where tensors are converted. */
export const SPECIAL: readonly number[] = [
  NaN,
  Infinity,
  -Infinity,
  0,
  -0,
  0.1,
  LARGEST,
  LEAST_NORMAL,
  LEAST,
];

/** Throws unless `condition` holds. */
export function check(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(message);
}

/**
 * A host tensor of `values`, in the typed array of `dtype`; half precision is rounded to nearest,
 * ties to even.
 */
export function hostTensor(
  dtype: DType,
  shape: readonly number[],
  values: (index: number) => number,
): HostTensor {
  const length = elementCount(shape);
  if (dtype === 'int64' || dtype === 'uint64') {
    const data = new (arrayOf(dtype) as BigInt64ArrayConstructor)(length);
    return { dtype, shape, data: data.map((_, index) => BigInt(values(index))) };
  }
  const data = new (arrayOf(dtype) as Float64ArrayConstructor)(length);
  const elementOf = isHalf(dtype)
    ? (value: number) => halfBits(dtype, value)
    : (value: number) => value;
  for (let index = 0; index < length; index += 1) data[index] = elementOf(values(index));
  return { dtype, shape, data };
}

/** Throws unless `found` and `expected` agree in every bit. */
export function checkSameBits(
  found: readonly HostTensor[],
  expected: readonly HostTensor[],
  what: string,
): void {
  check(
    found.length === expected.length,
    `${what}: ${found.length} tensors, expected ${expected.length}.`,
  );
  expected.forEach((tensor, index) => {
    const other = found[index] as HostTensor;
    check(
      sameSpec(other, tensor),
      `${what}: tensor ${index} is ${formatSpec(other)}, expected ${formatSpec(tensor)}.`,
    );
    const [a, b] = [bytesOf(other), bytesOf(tensor)];
    const byte = b.findIndex((value, position) => value !== a[position]);
    const element = Math.floor(byte / tensor.data.BYTES_PER_ELEMENT);
    check(
      byte < 0 && a.length === b.length,
      `${what}: tensor ${index}, element ${element} is ${other.data[element]}, expected ` +
        `${tensor.data[element]}.`,
    );
  });
}

/**
 * Throws unless `found` is `average + weight * (live - average)` to two units in the last place of
 * the largest operand: the three roundings of the difference, the product and the sum make at most
 * one and a half.
 */
export function checkAveraged(
  found: HostTensor,
  average: HostTensor,
  live: HostTensor,
  weight: number,
  what: string,
): void {
  check(
    sameSpec(found, average),
    `${what}: is ${formatSpec(found)}, expected ${formatSpec(average)}.`,
  );
  const [w, epsilon] =
    average.dtype === 'float64' ? [weight, 2 ** -52] : [Math.fround(weight), 2 ** -23];
  average.data.forEach((value: number | bigint, index: number) => {
    const [a, p] = [Number(value), Number(live.data[index])];
    const [result, expected] = [Number(found.data[index]), a + w * (p - a)];
    const tolerance = 2 * epsilon * Math.max(Math.abs(a), Math.abs(p), Math.abs(p - a));
    check(
      Math.abs(result - expected) <= tolerance,
      `${what}: element ${index} is ${result}, expected ${expected} within ${tolerance}.`,
    );
  });
}

function bytesOf({ data }: HostTensor): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}
