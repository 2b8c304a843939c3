// ReLU and 2 × 2 maximum pooling in one, over [samples, channels, height, width].
import { lengthOf, type KernelArray } from '@polyak/backend-gpujs';
import type { GPU } from 'gpu.js';

import { batchedKernel } from './batched-kernel.js';
import type { Layer } from './layer.js';

/** What goes in. A last row or column that has no other beside it is left out. */
export interface PoolingShape {
  readonly channels: number;
  readonly height: number;
  readonly width: number;
}

/**
 * y = max(0, the greatest of each square). Of equal ones the first is the greatest, so that a
 * gradient has one way back.
 */
export function reluMaxPool(
  gpu: GPU,
  name: string,
  { channels, height, width }: PoolingShape,
): Layer {
  const [outHeight, outWidth] = [Math.floor(height / 2), Math.floor(width / 2)];
  const constants = {
    width,
    area: height * width,
    sampleSize: channels * height * width,
    outHeight,
    outWidth,
    outArea: outHeight * outWidth,
    outSampleSize: channels * outHeight * outWidth,
  };
  const forward = batchedKernel(gpu, name, {
    source: `function (x) {
      const plane = Math.floor((this.thread.x + 0.5) / this.constants.outArea);
      const position = this.thread.x - plane * this.constants.outArea;
      const row = Math.floor((position + 0.5) / this.constants.outWidth);
      const column = position - row * this.constants.outWidth;
      const start = this.thread.y * this.constants.sampleSize + plane * this.constants.area;
      const from = start + 2 * (row * this.constants.width + column);
      const top = Math.max(x[from], x[from + 1]);
      const bottom = Math.max(x[from + this.constants.width], x[from + this.constants.width + 1]);
      return Math.max(0, Math.max(top, bottom));
    }`,
    output: (count) => [channels * outHeight * outWidth, count],
    constants,
  });
  const backward = batchedKernel(gpu, name, {
    source: `function (x, dy) {
      const plane = Math.floor((this.thread.x + 0.5) / this.constants.area);
      const position = this.thread.x - plane * this.constants.area;
      const row = Math.floor((position + 0.5) / this.constants.width);
      const column = position - row * this.constants.width;
      const outRow = Math.floor((row + 0.5) / 2);
      const outColumn = Math.floor((column + 0.5) / 2);
      let gradient = 0;
      if (outRow < this.constants.outHeight && outColumn < this.constants.outWidth) {
        const start = this.thread.y * this.constants.sampleSize + plane * this.constants.area;
        const from = start + 2 * (outRow * this.constants.width + outColumn);
        const below = from + this.constants.width;
        let most = x[from];
        let winner = 0;
        if (x[from + 1] > most) { most = x[from + 1]; winner = 1; }
        if (x[below] > most) { most = x[below]; winner = 2; }
        if (x[below + 1] > most) { most = x[below + 1]; winner = 3; }
        if (most > 0 && winner === 2 * (row - 2 * outRow) + column - 2 * outColumn) {
          const sample = this.thread.y * this.constants.outSampleSize;
          const first = sample + plane * this.constants.outArea;
          gradient = dy[first + outRow * this.constants.outWidth + outColumn];
        }
      }
      return gradient;
    }`,
    output: (count) => [channels * height * width, count],
    constants,
  });

  const infer = async (x: KernelArray): Promise<KernelArray> =>
    forward.run(lengthOf(x) / constants.sampleSize, x);
  return {
    parameters: [],
    infer,
    train: async (x) => ({
      y: await infer(x),
      backward: async (dy) => ({
        parameters: [],
        input: await backward.run(lengthOf(x) / constants.sampleSize, x, dy),
      }),
    }),
    dispose() {
      forward.dispose();
      backward.dispose();
    },
  };
}
