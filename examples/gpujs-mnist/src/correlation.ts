// Cross-correlation without padding: what a convolution computes forwards, and most of its way
// back.
import type { GPU } from 'gpu.js';

import { batchedKernel, type BatchedKernel } from './batched-kernel.js';

/** What goes in, and what comes out of it. */
export interface CorrelationShape {
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  readonly filters: number;
  /** The kernels are size × size. */
  readonly size: number;
}

/**
 * The kernel of y[n, f, i, j] = Σ x[n, c, i + a, j + b] · w[f, c, a, b] over c, a and b:
 * `run(count, x, w)`.
 *
 * The sum over a and b is written out, which on webasm is twice as fast as loops.
 */
export function correlation(gpu: GPU, name: string, shape: CorrelationShape): BatchedKernel {
  const { channels, height, width, filters, size } = shape;
  const [outHeight, outWidth] = [height - size + 1, width - size + 1];
  const taps = Array.from({ length: size * size }, (_, tap) => {
    const offset = Math.floor(tap / size) * width + (tap % size);
    return `sum += x[from + ${offset}] * w[by + ${tap}];`;
  });
  const source = `function (x, w) {
    const f = Math.floor((this.thread.x + 0.5) / this.constants.outArea);
    const position = this.thread.x - f * this.constants.outArea;
    const row = Math.floor((position + 0.5) / this.constants.outWidth);
    const column = position - row * this.constants.outWidth;
    let from = this.thread.y * this.constants.sampleSize + row * this.constants.width + column;
    let by = f * this.constants.filterSize;
    let sum = 0;
    for (let c = 0; c < this.constants.channels; c++) {
      ${taps.join('\n      ')}
      from += this.constants.area;
      by += this.constants.taps;
    }
    return sum;
  }`;
  return batchedKernel(gpu, name, {
    source,
    output: (count) => [filters * outHeight * outWidth, count],
    constants: {
      channels,
      width,
      area: height * width,
      sampleSize: channels * height * width,
      outWidth,
      outArea: outHeight * outWidth,
      taps: size * size,
      filterSize: channels * size * size,
    },
  });
}
