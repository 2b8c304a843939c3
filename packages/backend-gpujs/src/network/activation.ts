// The memory layout of a layer's activations: which elements belong to which channel.
import { elementCount } from '@polyak/core/interfaces';
import { lengthOf } from './flat-kernel.js';
import type { KernelArray } from './flat-kernel.js';

/** Whether channels come last, as in TensorFlow, or first, as in PyTorch and ONNX. */
export type ActivationLayout = 'NHWC' | 'NCHW';

/** The activations of one layer, without the batch axis. */
export interface ActivationOptions {
  /**
   * The extents of one sample: `[height, width, channels]` in NHWC, `[channels, height, width]` in
   * NCHW. Any number of spatial extents is allowed; a dense layer has `[channels]`.
   */
  readonly shape: readonly number[];
  /** Default NHWC. */
  readonly layout?: ActivationLayout;
}

/** Activations for kernels: samples of channels and positions. */
export interface Activation {
  /** For messages. */
  readonly name: string;
  readonly layout: ActivationLayout;
  readonly channels: number;
  /** Height times width. */
  readonly positions: number;
  /** Channels times positions. */
  readonly sampleSize: number;
  /**
   * The number of samples in `x`.
   *
   * @throws RangeError where `x` is not a whole number of samples, of one at least
   */
  sampleCount(x: KernelArray): number;
}

/**
 * Source of the channel of the element at `this.thread.x` of a sample. Exact for up to 2^22
 * elements a sample, even if division rounds.
 */
export function channelSource({ layout }: Activation): string {
  return layout === 'NCHW'
    ? 'Math.floor((this.thread.x + 0.5) / this.constants.positions)'
    : 'this.thread.x - this.constants.channels * Math.floor((this.thread.x + 0.5) / ' +
        'this.constants.channels)';
}

/**
 * The layout of a layer's activations.
 *
 * @param name - of the layer
 * @throws RangeError where the shape is empty, or an extent is not an integer >= 1
 */
export function activation(
  name: string,
  { shape, layout = 'NHWC' }: ActivationOptions,
): Activation {
  if (shape.length === 0 || !shape.every((extent) => Number.isInteger(extent) && extent >= 1)) {
    throw new RangeError(
      `batchNorm "${name}": the shape of a sample is [${shape.join(', ')}], expected extents >= ` +
        '1, such as [28, 28, 8].',
    );
  }
  const channels = Number(layout === 'NCHW' ? shape[0] : shape.at(-1));
  const sampleSize = elementCount(shape);
  if (sampleSize > 2 ** 22) {
    throw new RangeError(
      `batchNorm "${name}": a sample has ${sampleSize} elements, expected at most ${2 ** 22}.`,
    );
  }
  return {
    name,
    layout,
    channels,
    positions: sampleSize / channels,
    sampleSize,
    sampleCount(x) {
      const length = lengthOf(x);
      if (length > 0 && length % sampleSize === 0) return length / sampleSize;
      throw new RangeError(
        `batchNorm "${name}": the input has ${length} elements, expected a multiple of ` +
          `${sampleSize}: ${layout} samples of [${shape.join(', ')}].`,
      );
    },
  };
}
