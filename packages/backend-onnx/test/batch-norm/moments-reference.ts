// What the moments graphs must find, in float64 and plain JavaScript.

/** Values of a tensor by sample, channel and position. */
export interface Volume {
  readonly samples: number;
  readonly channels: number;
  readonly positions: number;
  readonly data: Float64Array;
}

/** Batch norm, as the reference knows it. */
export interface ReferenceNorm {
  readonly scale: ArrayLike<number>;
  readonly bias: ArrayLike<number>;
  readonly epsilon: number;
}

/** Mean and population variance of each channel. */
export interface ReferenceMoments {
  readonly mean: Float64Array;
  readonly variance: Float64Array;
  readonly count: number;
}

/** The same random numbers everywhere: mulberry32, and normal ones by Box and Muller. */
function randomNormal(seed: number): () => number {
  let state = seed | 0;
  const uniform = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  return () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
}

/** `count` float32 numbers around `mean`. */
export function normals(count: number, seed: number, mean = 0, deviation = 1): Float32Array {
  const next = randomNormal(seed);
  return Float32Array.from({ length: count }, () => mean + deviation * next());
}

export function volumeOf(data: ArrayLike<number>, dims: readonly number[]): Volume {
  const [samples = 1, channels = 1, ...space] = dims;
  const positions = space.reduce((a, b) => a * b, 1);
  return { samples, channels, positions, data: Float64Array.from(data) };
}

export function momentsIn({ samples, channels, positions, data }: Volume): ReferenceMoments {
  const count = samples * positions;
  const mean = new Float64Array(channels);
  const variance = new Float64Array(channels);
  const channelOf = (index: number): number => Math.floor(index / positions) % channels;
  data.forEach((value, i) => {
    mean[channelOf(i)] = (mean[channelOf(i)] as number) + value / count;
  });
  data.forEach((value, i) => {
    const c = channelOf(i);
    variance[c] = (variance[c] as number) + (value - (mean[c] as number)) ** 2 / count;
  });
  return { mean, variance, count };
}

/** A matrix at every position: Gemm, or Conv with a kernel of 1. `weight` is `[out, in]`. */
export function pointwise(x: Volume, weight: ArrayLike<number>, bias: ArrayLike<number>): Volume {
  const { samples, channels: inner, positions } = x;
  const channels = bias.length;
  const data = new Float64Array(samples * channels * positions);
  for (let n = 0; n < samples; n += 1) {
    for (let o = 0; o < channels; o += 1) {
      for (let p = 0; p < positions; p += 1) {
        let sum = bias[o] as number;
        for (let i = 0; i < inner; i += 1) {
          sum +=
            (weight[o * inner + i] as number) * (x.data[(n * inner + i) * positions + p] as number);
        }
        data[(n * channels + o) * positions + p] = sum;
      }
    }
  }
  return { samples, channels, positions, data };
}

export function normalize(
  x: Volume,
  { mean, variance }: Pick<ReferenceMoments, 'mean' | 'variance'>,
  { scale, bias, epsilon }: ReferenceNorm,
): Volume {
  const data = x.data.map((value, i) => {
    const c = Math.floor(i / x.positions) % x.channels;
    const deviation = (value - (mean[c] as number)) / Math.sqrt((variance[c] as number) + epsilon);
    return deviation * (scale[c] as number) + (bias[c] as number);
  });
  return { ...x, data };
}

export function rectified(x: Volume): Volume {
  return { ...x, data: x.data.map((value) => Math.max(0, value)) };
}

/**
 * The largest relative error of a variance, and of a mean: relative to it or, where it is larger,
 * to the deviation; with `isStrict` always to the deviation.
 */
export function errorOf(
  found: ReferenceMoments | undefined,
  expected: ReferenceMoments,
  isStrict = false,
): number {
  if (found?.count !== expected.count || found.mean.length !== expected.mean.length) return NaN;
  const errors = Array.from(expected.variance, (variance, c) => {
    const mean = expected.mean[c] as number;
    const size = isStrict ? Math.sqrt(variance) : Math.max(Math.abs(mean), Math.sqrt(variance));
    const ofVariance = Math.abs((found.variance[c] ?? NaN) / variance - 1);
    return Math.max(Math.abs((found.mean[c] ?? NaN) - mean) / size, ofVariance);
  });
  return Math.max(...errors);
}
