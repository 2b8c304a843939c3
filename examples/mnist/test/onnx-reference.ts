// The network in plain float64, written without a look at the graphs: what their numbers are
// compared with.

/** A tensor in float64. */
export interface Tensor64 {
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

/** Tensors by name. */
export type Weights64 = ReadonlyMap<string, Tensor64>;

/** What a forward pass in training mode computes. */
export interface Forward {
  readonly loss: number;
  /**
   * Mean and population variance of what went into each batch norm, by the names of its tensors.
   */
  readonly moments: ReadonlyMap<string, Float64Array>;
}

/**
 * Two times convolution, batch norm, ReLU and 2 × 2 maximum pooling, then two dense layers with a
 * ReLU between them, and the mean cross-entropy, in training mode.
 */
export function forward64(
  weights: Weights64,
  images: Tensor64,
  labels: readonly number[],
): Forward {
  const moments = new Map<string, Float64Array>();
  const logits = logits64(weights, images, (name, x) => {
    const [mean, variance] = [meanOf(x), varianceOf(x)];
    moments.set(`${name}.running_mean`, mean).set(`${name}.running_var`, variance);
    return [mean, variance];
  });
  const [count = 0, classes = 0] = logits.shape;
  let sum = 0;
  for (let n = 0; n < count; n += 1) {
    const row = logits.data.subarray(n * classes, (n + 1) * classes);
    const most = Math.max(...row);
    const logSum = most + Math.log(row.reduce((total, value) => total + Math.exp(value - most), 0));
    sum += logSum - at(row, labels[n] ?? 0);
  }
  return { loss: sum / count, moments };
}

/** The logits in inference mode. */
export function infer64(weights: Weights64, images: Tensor64): Tensor64 {
  return logits64(weights, images, (name) => [
    tensor(weights, `${name}.running_mean`).data,
    tensor(weights, `${name}.running_var`).data,
  ]);
}

type StatisticsOf = (
  name: string,
  x: Tensor64,
) => readonly [mean: Float64Array, variance: Float64Array];

function logits64(weights: Weights64, images: Tensor64, statisticsOf: StatisticsOf): Tensor64 {
  let x = images;
  for (const block of ['1', '2']) {
    x = convolve(x, tensor(weights, `conv${block}.weight`));
    const [mean, variance] = statisticsOf(`bn${block}`, x);
    x = normalize(
      x,
      mean,
      variance,
      tensor(weights, `bn${block}.weight`),
      tensor(weights, `bn${block}.bias`),
    );
    x = pool({ shape: x.shape, data: x.data.map((value) => Math.max(value, 0)) });
  }
  const hidden = dense(x, tensor(weights, 'dense1.weight'), tensor(weights, 'dense1.bias'));
  const active = { shape: hidden.shape, data: hidden.data.map((value) => Math.max(value, 0)) };
  return dense(active, tensor(weights, 'dense2.weight'), tensor(weights, 'dense2.bias'));
}

function convolve(x: Tensor64, weight: Tensor64): Tensor64 {
  const [count, channels, height, width] = extents(x);
  const [filters, , size] = extents(weight);
  const [outHeight, outWidth] = [height - size + 1, width - size + 1];
  const data = new Float64Array(count * filters * outHeight * outWidth);
  let out = 0;
  for (let n = 0; n < count; n += 1)
    for (let f = 0; f < filters; f += 1)
      for (let row = 0; row < outHeight; row += 1)
        for (let column = 0; column < outWidth; column += 1) {
          let sum = 0;
          for (let c = 0; c < channels; c += 1)
            for (let i = 0; i < size; i += 1) {
              const from = ((n * channels + c) * height + row + i) * width + column;
              const by = ((f * channels + c) * size + i) * size;
              for (let j = 0; j < size; j += 1)
                sum += at(x.data, from + j) * at(weight.data, by + j);
            }
          data[out++] = sum;
        }
  return { shape: [count, filters, outHeight, outWidth], data };
}

function meanOf(x: Tensor64): Float64Array {
  return perChannel(x, (value) => value);
}

function varianceOf(x: Tensor64): Float64Array {
  const mean = meanOf(x);
  return perChannel(x, (value, channel) => (value - at(mean, channel)) ** 2);
}

function perChannel(x: Tensor64, term: (value: number, channel: number) => number): Float64Array {
  const [count, channels, height, width] = extents(x);
  const sums = new Float64Array(channels);
  x.data.forEach((value, index) => {
    const channel = Math.floor(index / (height * width)) % channels;
    sums[channel] = at(sums, channel) + term(value, channel);
  });
  return sums.map((sum) => sum / (count * height * width));
}

function normalize(
  x: Tensor64,
  mean: Float64Array,
  variance: Float64Array,
  scale: Tensor64,
  bias: Tensor64,
): Tensor64 {
  const [, channels, height, width] = extents(x);
  const data = x.data.map((value, index) => {
    const channel = Math.floor(index / (height * width)) % channels;
    const unit = (value - at(mean, channel)) / Math.sqrt(at(variance, channel) + 1e-3);
    return at(scale.data, channel) * unit + at(bias.data, channel);
  });
  return { shape: x.shape, data };
}

function pool(x: Tensor64): Tensor64 {
  const [count, channels, height, width] = extents(x);
  const [outHeight, outWidth] = [Math.floor(height / 2), Math.floor(width / 2)];
  const data = new Float64Array(count * channels * outHeight * outWidth);
  let out = 0;
  for (let plane = 0; plane < count * channels; plane += 1)
    for (let row = 0; row < outHeight; row += 1)
      for (let column = 0; column < outWidth; column += 1) {
        const corner = (plane * height + 2 * row) * width + 2 * column;
        const square = [corner, corner + 1, corner + width, corner + width + 1];
        data[out++] = Math.max(...square.map((index) => at(x.data, index)));
      }
  return { shape: [count, channels, outHeight, outWidth], data };
}

/** Flattens what comes in. */
function dense(x: Tensor64, weight: Tensor64, bias: Tensor64): Tensor64 {
  const [count = 0] = x.shape;
  const [inputs = 0, units = 0] = weight.shape;
  const data = new Float64Array(count * units);
  for (let n = 0; n < count; n += 1)
    for (let unit = 0; unit < units; unit += 1) {
      let sum = at(bias.data, unit);
      for (let i = 0; i < inputs; i += 1)
        sum += at(x.data, n * inputs + i) * at(weight.data, i * units + unit);
      data[n * units + unit] = sum;
    }
  return { shape: [count, units], data };
}

function extents({ shape }: Tensor64): readonly [number, number, number, number] {
  const [a = 0, b = 0, c = 0, d = 0] = shape;
  return [a, b, c, d];
}

function tensor(weights: Weights64, name: string): Tensor64 {
  const found = weights.get(name);
  if (found === undefined) throw new Error(`The reference lacks "${name}".`);
  return found;
}

function at(data: Float64Array, index: number): number {
  const value = data[index];
  if (value === undefined)
    throw new RangeError(`The reference reads at ${index} of ${data.length}.`);
  return value;
}
