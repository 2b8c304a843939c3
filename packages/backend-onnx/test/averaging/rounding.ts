// The averaging formulas with each operation rounded to the dtype of the averages, element by
// element.
import { createHash } from 'node:crypto';
import type { HostArray, HostTensor } from '@polyak/core/interfaces';

type FloatDType = 'float32' | 'float64';

/** Values of many magnitudes and both signs. */
export function manyMagnitudes(dtype: FloatDType, length: number, seed: number): HostTensor {
  const values = { length };
  const value = (_: unknown, i: number): number =>
    Math.sin(i * 1.7 + seed * 2.3) * 10 ** (((i * 7 + seed) % 9) - 4);
  const data =
    dtype === 'float32' ? Float32Array.from(values, value) : Float64Array.from(values, value);
  return { dtype, shape: [length], data };
}

/** The averages moved towards `live`. */
export function averaged(average: HostTensor, live: HostArray, weight: number): HostTensor {
  const round = roundingOf(average);
  const w = round(weight);
  const data = (average.data as Float64Array).map((a, i) =>
    round(a + round(round(Number(live[i]) - a) * w)),
  );
  return { ...average, data };
}

/**
 * The averages, which carry `residual`, moved towards `live`: the new ones, and what they carry.
 */
export function compensated(
  average: HostTensor,
  residual: HostTensor,
  live: HostArray,
  weight: number,
): readonly [HostTensor, HostTensor] {
  const round = roundingOf(average);
  const w = round(weight);
  const [sums, errors] = [average.data.slice(), average.data.slice()];
  average.data.forEach((value: number | bigint, i: number) => {
    const [a, c, p] = [Number(value), Number(residual.data[i]), Number(live[i])];
    const delta = round(round(round(round(p - a) - c) * w) + c);
    const sum = round(a + delta);
    const added = round(sum - a);
    sums[i] = sum;
    errors[i] = round(round(a - round(sum - added)) + round(delta - added));
  });
  return [
    { ...average, data: sums },
    { ...average, data: errors },
  ];
}

/** A digest of the bits of all elements: arrays of which two agree have the same bits. */
export function bitsOf({ data }: { readonly data: HostArray }): string {
  return createHash('sha256')
    .update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
    .digest('hex');
}

function roundingOf({ dtype }: HostTensor): (value: number) => number {
  return dtype === 'float32' ? Math.fround : (value) => value;
}
