// A convolution without padding or bias, over [samples, channels, height, width].
import {
  flatKernel,
  freeArrays,
  layerParameter,
  lengthOf,
  type KernelArray,
} from '@polyak/backend-gpujs';
import type { FlatKernel } from '@polyak/backend-gpujs';
import type { GPU } from 'gpu.js';

import { batchedKernel, type BatchedKernel } from './batched-kernel.js';
import { correlation, type CorrelationShape } from './correlation.js';
import type { Layer } from './layer.js';
import { type InitialWeights, taken } from './weights.js';

/**
 * Cross-correlation with square kernels.
 *
 * @param name - of the layer; its kernels are `<name>.weight`, [filters, channels, size, size]
 */
export function convolution(
  gpu: GPU,
  name: string,
  shape: CorrelationShape,
  weights: InitialWeights,
): Layer {
  const { channels, height, width, filters, size } = shape;
  const weightShape = [filters, channels, size, size];
  const initial = taken(weights, `${name}.weight`, filters * channels * size * size);
  const weight = layerParameter(`${name}.weight`, weightShape, initial);
  const forward = correlation(gpu, name, shape);
  const inputGradient = inputGradientOf(gpu, name, shape);
  const weightGradient = weightGradientOf(gpu, name, shape);

  const samplesOf = (x: KernelArray): number => lengthOf(x) / (channels * height * width);
  const infer = async (x: KernelArray): Promise<KernelArray> =>
    forward.run(samplesOf(x), x, weight.data());
  return {
    parameters: [weight],
    infer,
    train: async (x) => ({
      y: await infer(x),
      async backward(dy, isFirst) {
        const parameters = [await weightGradient.run(samplesOf(x), x, dy)];
        return isFirst
          ? { parameters }
          : { parameters, input: await inputGradient.run(samplesOf(x), dy, weight.data()) };
      },
    }),
    dispose() {
      freeArrays(weight.data());
      for (const kernel of [forward, inputGradient, weightGradient]) kernel.dispose();
    },
  };
}

/** A few kernels that follow one another. */
interface Gradient {
  run(count: number, a: KernelArray, b: KernelArray): Promise<KernelArray>;
  dispose(): void;
}

/**
 * `run(count, dy, w)`: dy with a margin of zeros, correlated with the kernels turned around,
 * filters and channels exchanged.
 */
function inputGradientOf(gpu: GPU, name: string, shape: CorrelationShape): Gradient {
  const { channels, height, width, filters, size } = shape;
  const margin = size - 1;
  const [wideHeight, wideWidth] = [height + margin, width + margin];
  const padded = paddingKernel(gpu, name, {
    planes: filters,
    height: height - margin,
    width: width - margin,
    margin,
  });
  const turned = turningKernel(gpu, name, shape);
  const wide = { channels: filters, height: wideHeight, width: wideWidth, filters: channels, size };
  const correlated = correlation(gpu, name, wide);
  return {
    async run(count, dy, w) {
      const [input, kernels] = [await padded.run(count, dy), await turned.run(w)];
      const gradient = await correlated.run(count, input, kernels);
      freeArrays(input, kernels);
      return gradient;
    },
    dispose() {
      for (const kernel of [padded, turned, correlated]) kernel.dispose();
    },
  };
}

/** Planes of height × width with zeros around them. */
function paddingKernel(
  gpu: GPU,
  name: string,
  {
    planes,
    height,
    width,
    margin,
  }: Readonly<Record<'planes' | 'height' | 'width' | 'margin', number>>,
): BatchedKernel {
  const [wideHeight, wideWidth] = [height + 2 * margin, width + 2 * margin];
  const source = `function (x) {
    const plane = Math.floor((this.thread.x + 0.5) / this.constants.wideArea);
    const position = this.thread.x - plane * this.constants.wideArea;
    const wideRow = Math.floor((position + 0.5) / this.constants.wideWidth);
    const row = wideRow - this.constants.margin;
    const column = position - wideRow * this.constants.wideWidth - this.constants.margin;
    let value = 0;
    if (row >= 0 && row < this.constants.height && column >= 0 && column < this.constants.width) {
      const at = (this.thread.y * this.constants.planes + plane) * this.constants.height + row;
      value = x[at * this.constants.width + column];
    }
    return value;
  }`;
  return batchedKernel(gpu, name, {
    source,
    output: (count) => [planes * wideHeight * wideWidth, count],
    constants: { planes, height, width, margin, wideWidth, wideArea: wideHeight * wideWidth },
  });
}

/** w[f, c, a, b] as [c, f, size - 1 - a, size - 1 - b] */
function turningKernel(
  gpu: GPU,
  name: string,
  { channels, filters, size }: CorrelationShape,
): FlatKernel {
  const source = `function (w) {
    const tap = this.constants.taps - 1 - this.thread.x;
    return w[(this.thread.y * this.constants.channels + this.thread.z) * this.constants.taps + tap];
  }`;
  const taps = size * size;
  return flatKernel(gpu, source, {
    name,
    output: [taps, filters, channels],
    constants: { taps, channels },
  });
}

/**
 * `run(count, x, dy)`: dw[f, c, a, b] = Σ x[n, c, i + a, j + b] · dy[n, f, i, j], first for each
 * sample by itself, so that sums stay short and threads many.
 */
function weightGradientOf(gpu: GPU, name: string, shape: CorrelationShape): Gradient {
  const { channels, height, width, filters, size } = shape;
  const [outHeight, outWidth] = [height - size + 1, width - size + 1];
  const [taps, outArea] = [channels * size * size, outHeight * outWidth];
  const columns = Array.from(
    { length: outWidth },
    (_, j) => `sum += x[from + ${j}] * dy[by + ${j}];`,
  );
  const partialSource = `function (x, dy) {
    const c = Math.floor((this.thread.y + 0.5) / this.constants.area);
    const tap = this.thread.y - c * this.constants.area;
    const a = Math.floor((tap + 0.5) / this.constants.size);
    const b = tap - a * this.constants.size;
    const row = (this.thread.z * this.constants.channels + c) * this.constants.height + a;
    let from = row * this.constants.width + b;
    let by = (this.thread.z * this.constants.filters + this.thread.x) * this.constants.outArea;
    let sum = 0;
    for (let i = 0; i < this.constants.outHeight; i++) {
      ${columns.join('\n      ')}
      from += this.constants.width;
      by += this.constants.outWidth;
    }
    return sum;
  }`;
  const sumSource = `function (partial) {
    let sum = 0;
    for (let n = 0; n < this.constants.count; n++) {
      const row = n * this.constants.taps + this.thread.x;
      sum += partial[row * this.constants.filters + this.thread.y];
    }
    return sum;
  }`;
  const partials = batchedKernel(gpu, name, {
    source: partialSource,
    output: (count) => [filters, taps, count],
    constants: { ...shape, area: size * size, outHeight, outWidth, outArea },
  });
  const sums = batchedKernel(gpu, name, {
    source: sumSource,
    output: () => [taps, filters],
    constants: { taps, filters },
  });
  return {
    async run(count, x, dy) {
      const partial = await partials.run(count, x, dy);
      const gradient = await sums.run(count, partial);
      freeArrays(partial);
      return gradient;
    },
    dispose() {
      for (const kernel of [partials, sums]) kernel.dispose();
    },
  };
}
