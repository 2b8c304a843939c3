// Tensors that are larger than what the kernels take at once.
import type { NamedTensors } from '@polyak/core';
import type { DType, HostArray, HostTensor } from '@polyak/core/interfaces';
import { halfFromFloat } from '@polyak/core/kit';
import { Soup } from '@polyak/ensemble';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

const SIZE = 20_011;
const PIECE = 1009;
const DTYPES = ['float64', 'float32', 'float16', 'bfloat16'] as const;
const WEIGHTS = [1 / 3, -7, 1e-9];

/** Numbers of all sizes that float16 has. */
function values(seed: number, dtype: DType): HostArray {
  const numbers = Float64Array.from({ length: SIZE }, (_, i) => {
    return Math.sin(seed + i) * 2 ** (((i * 7 + seed) % 30) - 15);
  });
  if (dtype === 'float16' || dtype === 'bfloat16') return halfFromFloat(dtype, numbers);
  return dtype === 'float64' ? numbers : Float32Array.from(numbers);
}

function member(seed: number, from = 0, to = SIZE): NamedTensors {
  return Object.fromEntries(
    DTYPES.map((dtype): [string, HostTensor] => {
      return [dtype, { dtype, shape: [to - from], data: values(seed, dtype).subarray(from, to) }];
    }),
  );
}

function meanOf(SoupClass: typeof Soup, from = 0, to = SIZE): NamedTensors {
  const soup = new SoupClass();
  for (const [i, weight] of WEIGHTS.entries()) soup.add(member(i, from, to), { weight });
  soup.add(member(9, from, to)).remove(member(9, from, to));
  return soup.mean();
}

it('has the mean of its pieces', () => {
  const whole = meanOf(Soup);
  for (let from = 0; from < SIZE; from += PIECE) {
    const to = Math.min(from + PIECE, SIZE);
    const piece = meanOf(Soup, from, to);
    for (const dtype of DTYPES) {
      expect(whole[dtype]?.data.subarray(from, to)).toEqual(piece[dtype]?.data);
    }
  }
});

describe('without WebAssembly', () => {
  beforeEach(() => {
    vi.resetModules();
    vi.stubGlobal('WebAssembly', undefined);
  });
  afterEach(() => vi.unstubAllGlobals());

  it('has the same mean', async () => {
    const { Soup: Plain } = await import('@polyak/ensemble');
    expect(Plain).not.toBe(Soup);
    expect(meanOf(Plain)).toEqual(meanOf(Soup));
  });
});
