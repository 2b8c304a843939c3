// The kernels of one batch-norm layer.
import type { GPU } from 'gpu.js';
import { channelSource } from './activation.js';
import type { Activation } from './activation.js';
import { flatKernel } from './flat-kernel.js';
import type { FlatKernel } from './flat-kernel.js';

/** The kernels of a layer. Those over activations are compiled for each number of samples. */
export interface BatchNormKernels {
  /** weight / sqrt(variance + epsilon) */
  readonly gain: FlatKernel;
  /** running + momentum · (batch - running) */
  readonly moved: FlatKernel;
  /** (x - mean) · gain + bias */
  normalize(count: number): FlatKernel;
  /** (dy - level - (x - mean) · slope) · gain */
  backward(count: number): FlatKernel;
  /** Destroys them all. */
  dispose(): void;
}

/** Kernels that are compiled at their first call. */
export function batchNormKernels(gpu: GPU, layout: Activation, epsilon: number): BatchNormKernels {
  const { channels, positions, sampleSize } = layout;
  const name = `batchNorm "${layout.name}"`;
  const made = new Map<string, FlatKernel>();
  const kernel = (source: string, output: readonly number[]): FlatKernel => {
    const key = `${source} ${output.join()}`;
    const constants = { channels, positions, sampleSize, epsilon };
    const found = made.get(key) ?? flatKernel(gpu, source, { name, output, constants });
    made.set(key, found);
    return found;
  };
  const element = `const c = ${channelSource(layout)};
    const at = this.thread.y * this.constants.sampleSize + this.thread.x;`;
  const normalize = `function (x, mean, gain, bias) {
    ${element}
    return (x[at] - mean[c]) * gain[c] + bias[c];
  }`;
  const backward = `function (x, dy, mean, gain, level, slope) {
    ${element}
    return (dy[at] - level[c] - (x[at] - mean[c]) * slope[c]) * gain[c];
  }`;
  const gain = `function (weight, variance) {
    return weight[this.thread.x] / Math.sqrt(variance[this.thread.x] + this.constants.epsilon);
  }`;
  const moved = `function (running, batch, momentum) {
    return running[this.thread.x] + (batch[this.thread.x] - running[this.thread.x]) * momentum;
  }`;
  return {
    gain: kernel(gain, [channels]),
    moved: kernel(moved, [channels]),
    normalize: (count) => kernel(normalize, [sampleSize, count]),
    backward: (count) => kernel(backward, [sampleSize, count]),
    dispose() {
      for (const each of made.values()) each.dispose();
      made.clear();
    },
  };
}
