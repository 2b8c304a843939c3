// Sums over all elements of each channel, in two levels: short sums in float32 on the device, and
// the sums of those in float64 on the host.
import type { GPU } from 'gpu.js';
import type { Activation } from './activation.js';
import { flatKernel } from './flat-kernel.js';
import type { FlatKernel, KernelArray } from './flat-kernel.js';

/** The most threads of a channel. */
const threadsPerChannel = 1024;
/**
 * The number of elements that one thread adds: few enough for the accuracy of float32 and for the
 * loop limits of drivers.
 */
const [fewestElements, mostElements] = [64, 1024];

/** Sums over all elements of each channel, as float64, of activations of one layer. */
export interface ChannelSums {
  /** Σ (x - center) */
  deviations(x: KernelArray, center: Float32Array): Promise<Float64Array>;
  /** Σ (x - center)² */
  squares(x: KernelArray, center: Float32Array): Promise<Float64Array>;
  /** Σ (x - center) · factor */
  products(x: KernelArray, center: Float32Array, factor: KernelArray): Promise<Float64Array>;
  /** Destroys the kernels. */
  dispose(): void;
}

/**
 * Sums over channels. One thread for all elements of a channel would lose digits, and some drivers
 * stop loops after 65,535 rounds. So a thread sums a range of positions in a few samples.
 */
export function channelSums(gpu: GPU, activation: Activation): ChannelSums {
  const kernels = new Map<string, FlatKernel>();
  const sum = async (
    term: Term,
    x: KernelArray,
    center: Float32Array,
    ...rest: KernelArray[]
  ): Promise<Float64Array> => {
    const count = activation.sampleCount(x);
    const key = `${term} ${count}`;
    const kernel = kernels.get(key) ?? sumKernel(gpu, activation, term, count);
    kernels.set(key, kernel);
    const partial = await kernel.read(x, center, ...rest);
    const { channels } = activation;
    const sums = new Float64Array(channels);
    for (let index = 0; index < partial.length; index += channels) {
      for (let c = 0; c < channels; c += 1) sums[c] = Number(sums[c]) + Number(partial[index + c]);
    }
    return sums;
  };
  return {
    deviations: async (x, center) => sum('deviation', x, center),
    squares: async (x, center) => sum('deviation * deviation', x, center),
    products: async (x, center, factor) => sum('deviation * factor[at]', x, center, factor),
    dispose() {
      for (const kernel of kernels.values()) kernel.dispose();
      kernels.clear();
    },
  };
}

type Term = 'deviation' | 'deviation * deviation' | 'deviation * factor[at]';

function sumKernel(gpu: GPU, activation: Activation, term: Term, count: number): FlatKernel {
  const { name, layout, channels, positions } = activation;
  const wanted = Math.ceil((count * positions) / threadsPerChannel);
  const elements = Math.min(Math.max(wanted, fewestElements), mostElements);
  const stretch = Math.min(positions, elements);
  const samples = Math.min(count, Math.floor(elements / stretch));
  const at =
    layout === 'NCHW'
      ? '(sample * this.constants.channels + this.thread.x) * this.constants.positions + position'
      : '(sample * this.constants.positions + position) * this.constants.channels + this.thread.x';
  const source = `function (x, center${term.includes('factor') ? ', factor' : ''}) {
    const middle = center[this.thread.x];
    let sum = 0;
    for (let i = 0; i < this.constants.samples; i++) {
      const sample = this.thread.z * this.constants.samples + i;
      for (let j = 0; j < this.constants.stretch; j++) {
        const position = this.thread.y * this.constants.stretch + j;
        if (sample < this.constants.count && position < this.constants.positions) {
          const at = ${at};
          const deviation = x[at] - middle;
          sum += ${term};
        }
      }
    }
    return sum;
  }`;
  return flatKernel(gpu, source, {
    name: `batchNorm "${name}"`,
    output: [channels, Math.ceil(positions / stretch), Math.ceil(count / samples)],
    constants: { channels, positions, count, samples, stretch },
  });
}
