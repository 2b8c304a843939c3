// Half precision on the host: conversion between numbers and their bits.
import { isHalf } from './tensor.js';
import type { DType, HostTensor } from './tensor.js';

interface Format {
  /** The number of bits of the fraction. */
  readonly fraction: number;
  /** The exponent of the smallest normal number. */
  readonly least: number;
  /** The bits of infinity. */
  readonly infinity: number;
}

const FORMATS: Readonly<Partial<Record<DType, Format>>> = {
  float16: { fraction: 10, least: -14, infinity: 0x7c00 },
  bfloat16: { fraction: 7, least: -126, infinity: 0x7f80 },
};

/** The bits of `value`, rounded to nearest, ties to even. */
export function halfBits(dtype: DType, value: number): number {
  const { fraction, least, infinity } = formatOf(dtype);
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const magnitude = Math.abs(value);
  if (Number.isNaN(value)) return infinity | (1 << (fraction - 1));
  if (magnitude === Infinity) return sign | infinity;
  // Where log2 rounds to the next power of two, the bits are the same.
  const exponent = Math.max(Math.floor(Math.log2(magnitude)), least);
  const steps = roundedToEven(magnitude / 2 ** (exponent - fraction));
  // The bits of a number count the steps from zero across all exponents; after the last is
  // infinity.
  return sign | Math.min((exponent - least) * 2 ** fraction + steps, infinity);
}

/** The number with these bits. */
export function halfValue(dtype: DType, bits: number): number {
  const { fraction, least, infinity } = formatOf(dtype);
  const sign = (bits & 0x8000) === 0 ? 1 : -1;
  const magnitude = bits & 0x7fff;
  if (magnitude >= infinity) return magnitude === infinity ? sign * Infinity : NaN;
  const exponent = Math.max(magnitude >> fraction, 1);
  return (
    sign * (magnitude - (exponent - 1) * 2 ** fraction) * 2 ** (exponent - 1 + least - fraction)
  );
}

/** The elements of a floating tensor as numbers. */
export function floatsOf({ dtype, data }: HostTensor): Float32Array | Float64Array {
  return isHalf(dtype)
    ? Float32Array.from(data as Uint16Array, (bits) => halfValue(dtype, bits))
    : (data as Float32Array | Float64Array);
}

function formatOf(dtype: DType): Format {
  const format = FORMATS[dtype];
  if (format === undefined) throw new TypeError(`${dtype} is not half precision.`);
  return format;
}

function roundedToEven(value: number): number {
  const below = Math.floor(value);
  const rest = value - below;
  return rest > 0.5 || (rest === 0.5 && below % 2 === 1) ? below + 1 : below;
}
