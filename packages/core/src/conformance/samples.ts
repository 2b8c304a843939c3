// Tensors whose bits get lost where they are read as numbers, or as numbers of another dtype.
import { arrayOf, isFloating } from '../tensor/tensor.js';
import type { DType, HostTensor } from '../tensor/tensor.js';
import { hostTensor, SPECIAL } from './check.js';

/** From none to six axes, and some without elements. */
const SHAPES = [
  [],
  [0],
  [1],
  [3],
  [2, 3, 4],
  [17],
  [1025],
  [2, 0, 3],
  [2, 3, 1, 2],
  [3, 1, 2, 2, 2],
  [1, 2, 2, 1, 3, 2],
];

/** NaN with payloads, of both signs: quiet ones, since a CPU may make quiet what is not. */
const PAYLOADS: Partial<Record<DType, readonly (number | bigint)[]>> = {
  float64: [0x7ff8_0000_0000_0001n, 0xfff8_1234_5678_9abcn, 0x7fff_ffff_ffff_ffffn],
  float32: [0x7fc0_0001, 0xffc1_2345, 0x7fff_ffff],
  float16: [0x7e01, 0xfe55, 0x7fff],
  bfloat16: [0x7fc1, 0xffd5, 0x7fff],
};

/** Integers that float32, and float64, cannot hold, and the ends of each dtype. */
const LARGE: Partial<Record<DType, readonly (number | bigint)[]>> = {
  int64: [2n ** 53n + 1n, -(2n ** 63n), 2n ** 63n - 1n],
  uint64: [2n ** 53n + 1n, 2n ** 64n - 1n],
  int32: [2 ** 24 + 1, -(2 ** 31), 2 ** 31 - 1],
  uint32: [2 ** 24 + 1, 2 ** 32 - 1],
  int16: [-(2 ** 15), 2 ** 15 - 1],
  uint16: [2 ** 16 - 1],
  int8: [-128, 127],
  uint8: [255],
};

/** Tensors of each dtype, of many shapes, each with its own values. */
export function samples(dtypes: readonly DType[], offset = 0): readonly HostTensor[] {
  return dtypes.flatMap((dtype) => [
    ...SHAPES.map((shape, n) =>
      hostTensor(dtype, shape, (index) =>
        isFloating(dtype)
          ? (SPECIAL[(index + n + offset) % SPECIAL.length] ?? 0)
          : (index + n + offset) % 2,
      ),
    ),
    ...unusual(dtype, offset),
  ]);
}

function unusual(dtype: DType, offset: number): readonly HostTensor[] {
  const payloads = PAYLOADS[dtype];
  const elements = payloads ?? LARGE[dtype] ?? [];
  if (elements.length === 0) return [];
  const tensor = hostTensor(dtype, [9], () => 0);
  const bits = payloads === undefined ? tensor.data : wordsOf(tensor.data);
  for (let n = 0; n < 9; n += 1) bits[n] = elements[(n + offset) % elements.length] as never;
  return [tensor];
}

/** The same memory as unsigned integers. */
function wordsOf({ buffer, length, BYTES_PER_ELEMENT }: HostTensor['data']): HostTensor['data'] {
  const dtype = BYTES_PER_ELEMENT === 8 ? 'uint64' : BYTES_PER_ELEMENT === 4 ? 'uint32' : 'uint16';
  return new (arrayOf(dtype))(buffer as ArrayBuffer, 0, length);
}
