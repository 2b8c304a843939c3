// Batch norm in plain float64, written without a look at the kernels: what their numbers are
// compared with.

/** Where the elements of a channel are. */
export interface Geometry {
  readonly layout: 'NHWC' | 'NCHW';
  /** Of one sample. */
  readonly shape: readonly number[];
  readonly count: number;
}

/** The number of channels. */
export function channelsOf({ layout, shape }: Geometry): number {
  return (layout === 'NCHW' ? shape[0] : shape.at(-1)) ?? 0;
}

/** The number of elements. */
export function lengthOf({ shape, count }: Geometry): number {
  return shape.reduce((product, extent) => product * extent, count);
}

/** The channel of an element. */
function channelOf(geometry: Geometry, index: number): number {
  const channels = channelsOf(geometry);
  if (geometry.layout === 'NHWC') return index % channels;
  const positions = lengthOf(geometry) / geometry.count / channels;
  return Math.floor(index / positions) % channels;
}

/** Mean and population variance of each channel, in two passes. */
export function moments64(
  geometry: Geometry,
  x: ArrayLike<number>,
): { mean: Float64Array; variance: Float64Array } {
  const mean = channelMeans(geometry, (index) => x[index] ?? NaN);
  const variance = channelMeans(
    geometry,
    (index, c) => ((x[index] ?? NaN) - (mean[c] ?? NaN)) ** 2,
  );
  return { mean, variance };
}

/**
 * The mean over a channel of `term`, for each channel. Sums of a million terms are right to 1e-13.
 */
export function channelMeans(
  geometry: Geometry,
  term: (index: number, channel: number) => number,
): Float64Array {
  const channels = channelsOf(geometry);
  const length = lengthOf(geometry);
  const sums = new Float64Array(channels);
  for (let index = 0; index < length; index += 1) {
    const c = channelOf(geometry, index);
    sums[c] = (sums[c] ?? 0) + term(index, c);
  }
  return sums.map((sum) => sum / (length / channels));
}

/** The weights of a layer. */
export interface Affine {
  readonly weight: ArrayLike<number>;
  readonly bias: ArrayLike<number>;
  readonly epsilon: number;
}

/** weight · (x - mean) / sqrt(variance + epsilon) + bias */
export function normalize64(
  geometry: Geometry,
  x: ArrayLike<number>,
  { mean, variance }: { readonly mean: ArrayLike<number>; readonly variance: ArrayLike<number> },
  { weight, bias, epsilon }: Affine,
): Float64Array {
  return Float64Array.from(x, (value, index) => {
    const c = channelOf(geometry, index);
    const unit = (value - (mean[c] ?? NaN)) / Math.sqrt((variance[c] ?? NaN) + epsilon);
    return (weight[c] ?? NaN) * unit + (bias[c] ?? NaN);
  });
}

/** Σ factor · y in training mode, whose gradient with respect to `y` is `factor`. */
export function loss64(
  geometry: Geometry,
  x: ArrayLike<number>,
  affine: Affine,
  factor: ArrayLike<number>,
): number {
  return normalize64(geometry, x, moments64(geometry, x), affine).reduce(
    (sum, y, index) => sum + y * (factor[index] ?? NaN),
    0,
  );
}

/** max |found - expected| / max |expected|; NaN where something is not a number. */
export function relativeError(found: ArrayLike<number>, expected: ArrayLike<number>): number {
  let [most, size] = [0, 0];
  if (found.length !== expected.length) return NaN;
  for (let index = 0; index < expected.length; index += 1) {
    const [a, b] = [found[index] ?? NaN, expected[index] ?? NaN];
    if (Number.isNaN(a - b)) return NaN;
    most = Math.max(most, Math.abs(a - b));
    size = Math.max(size, Math.abs(b));
  }
  return most / size;
}

/** Normal deviates, the same for the same seed (mulberry32; Box and Muller 1958). */
export function normalDeviates(seed: number): () => number {
  let state = seed >>> 0;
  const uniform = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (((mixed ^ (mixed >>> 14)) >>> 0) + 0.5) / 2 ** 32;
  };
  return () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
}
