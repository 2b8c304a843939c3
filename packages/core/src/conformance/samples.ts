// Tensors whose bits get lost where they are read as numbers, or as numbers of another dtype.
import { isFloating } from '../tensor/tensor.js';
import type { DType, HostTensor } from '../tensor/tensor.js';
import { hostTensor, SPECIAL } from './check.js';

const SHAPES = [[], [0], [1], [3], [2, 3, 4], [17], [1025]];

/** NaN with payloads, of both signs: quiet ones, since a CPU may make quiet what is not. */
const PAYLOADS = [0x7fc0_0001, 0xffc1_2345, 0x7fff_ffff];

/** Integers that float32, and float64, cannot hold. */
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
  if (dtype === 'float32') {
    const words = Uint32Array.from({ length: 9 }, (_, n) => PAYLOADS[(n + offset) % 3] ?? 0);
    return [{ dtype, shape: [9], data: new Float32Array(words.buffer) }];
  }
  const large = LARGE[dtype] ?? [];
  if (large.length === 0) return [];
  const tensor = hostTensor(dtype, [5], () => 0);
  for (let n = 0; n < 5; n += 1) tensor.data[n] = large[(n + offset) % large.length] as never;
  return [tensor];
}
