// Assertions of the conformance suite, and the float64 reference that backends are compared with.
import { halfBits, halfValue } from '../tensor/half.js';
import { arrayOf, elementCount, formatSpec, isHalf, sameSpec } from '../tensor/tensor.js';
import type { DType, HostArray, HostTensor, TensorSpec } from '../tensor/tensor.js';
import type { BackendHarness } from './harness.js';

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

/** Values of many magnitudes and both signs, another sequence for each seed. */
export function values(seed: number): (index: number) => number {
  return (index) => Math.sin(index * 1.7 + seed * 2.3 + 0.5) * 10 ** (((index * 7 + seed) % 9) - 4);
}

/** Throws unless `condition` holds. */
export function check(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(message);
}

/**
 * A host tensor of `elements`, in the typed array of `dtype`; half precision is rounded to nearest,
 * ties to even.
 */
export function hostTensor(
  dtype: DType,
  shape: readonly number[],
  elements: (index: number) => number,
): HostTensor {
  const length = elementCount(shape);
  if (dtype === 'int64' || dtype === 'uint64') {
    const data = new (arrayOf(dtype) as BigInt64ArrayConstructor)(length);
    return { dtype, shape, data: data.map((_, index) => BigInt(elements(index))) };
  }
  const data = new (arrayOf(dtype) as Float64ArrayConstructor)(length);
  const elementOf = isHalf(dtype)
    ? (value: number) => halfBits(dtype, value)
    : (value: number) => value;
  for (let index = 0; index < length; index += 1) data[index] = elementOf(elements(index));
  return { dtype, shape, data };
}

/** Dtype and shape of the first tensors, and how many more there are. */
export function specsOf(tensors: readonly TensorSpec[]): string {
  const first = tensors.slice(0, 3).map(formatSpec).join(', ');
  return tensors.length > 3 ? `${first} and ${tensors.length - 3} more` : first;
}

/** Throws unless `found` and `expected` agree in every bit. */
export function checkSameBits(
  found: readonly HostTensor[],
  expected: readonly HostTensor[],
  what: string,
): void {
  checkSameSpecs(found, expected, what);
  expected.forEach((tensor, index) => {
    const { data } = found[index] as HostTensor;
    const spec = formatSpec(tensor);
    const [array, wanted] = [data[Symbol.toStringTag], tensor.data[Symbol.toStringTag]];
    check(
      array === wanted,
      `${what}: tensor ${index}, ${spec}, is a ${array}, expected ${wanted}.`,
    );
    check(
      data.length === tensor.data.length,
      `${what}: tensor ${index}, ${spec}, has ${data.length} elements, ` +
        `expected ${tensor.data.length}.`,
    );
    const byte = firstDifference(bytesOf(data), bytesOf(tensor.data));
    if (byte < 0) return;
    const element = Math.floor(byte / data.BYTES_PER_ELEMENT);
    throw new Error(
      `${what}: tensor ${index}, ${spec}: element ${element} is ` +
        `${bitsOf({ ...tensor, data }, element)}, expected ${bitsOf(tensor, element)}.`,
    );
  });
}

/** Throws unless there are as many of the same dtypes and shapes. */
export function checkSameSpecs(
  found: readonly TensorSpec[],
  expected: readonly TensorSpec[],
  what: string,
): void {
  check(
    found.length === expected.length,
    `${what}: ${found.length} tensors, expected ${expected.length}: ${specsOf(expected)}.`,
  );
  expected.forEach((spec, index) => {
    const other = found[index] as TensorSpec;
    check(
      sameSpec(other, spec),
      `${what}: tensor ${index} is ${formatSpec(other)}, expected ${formatSpec(spec)}.`,
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
  const spec = formatSpec(average);
  check(sameSpec(found, average), `${what}: is ${formatSpec(found)}, expected ${spec}.`);
  const [w, epsilon] =
    average.dtype === 'float64' ? [weight, 2 ** -52] : [Math.fround(weight), 2 ** -23];
  const [a, p, r] = [average, live, found].map(numbersOf) as [Numbers, Numbers, Numbers];
  for (let index = 0; index < a.length; index += 1) {
    const [old, target, result] = [a[index] ?? NaN, p[index] ?? NaN, r[index] ?? NaN];
    const expected = (1 - w) * old + w * target;
    const largest = Math.max(Math.abs(old), Math.abs(target), Math.abs(target - old));
    if (Math.abs(result - expected) <= 2 * epsilon * largest) continue;
    throw new Error(
      `${what}, weight ${weight}, ${spec}: element ${index} is ${result}, expected ${expected} ` +
        `within ${2 * epsilon * largest}.`,
    );
  }
}

/** Throws unless `call` throws or rejects. */
export async function checkThrows(call: () => unknown, what: string): Promise<void> {
  let isRefused = false;
  try {
    await call();
  } catch {
    isRefused = true;
  }
  check(isRefused, `${what}: did not throw.`);
}

/** Throws unless as many tensors are alive as at the start. */
export async function checkAlive<T>(
  harness: BackendHarness<T>,
  start: number,
  what: string,
): Promise<void> {
  const end = await harness.liveTensors();
  check(end === start, `${what}: ${end} tensors are alive, ${start} were before.`);
}

type Numbers = ArrayLike<number>;

/** The elements as numbers. */
export function numbersOf({ dtype, data }: HostTensor): Numbers {
  if (isHalf(dtype))
    return Float64Array.from(data as Uint16Array, (bits) => halfValue(dtype, bits));
  if (dtype === 'int64' || dtype === 'uint64') return Array.from(data, Number);
  return data as Float64Array;
}

/** An element with its bytes: two NaN read the same. */
function bitsOf(tensor: HostTensor, element: number): string {
  const size = tensor.data.BYTES_PER_ELEMENT;
  const bytes = bytesOf(tensor.data).slice(element * size, (element + 1) * size);
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0'));
  hex.reverse();
  const value = isHalf(tensor.dtype) ? numbersOf(tensor)[element] : tensor.data[element];
  return `${String(value)} (0x${hex.join('')})`;
}

function bytesOf({ buffer, byteOffset, byteLength }: HostArray): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** Where the bytes first differ, or -1. A loop: `findIndex` takes ten times as long. */
function firstDifference(a: Uint8Array, b: Uint8Array): number {
  for (let index = 0; index < b.length; index += 1) if (a[index] !== b[index]) return index;
  return -1;
}
