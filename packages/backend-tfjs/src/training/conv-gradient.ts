// The gradient of a convolution's filter, which tfjs's wasm backend lacks.
import { PolyakError } from '@polyak/core';
import type { Conv2DBackpropFilterAttrs, Tensor, Tensor4D } from '@tensorflow/tfjs-core';
import type { TensorFlow } from '../tensorflow.js';
import { requireTensorFlow } from '../tensorflow.js';

const KERNEL = 'Conv2DBackpropFilter';
const BACKEND = 'wasm';

/**
 * Adds the gradient of `conv2d` with respect to its filter to tfjs's wasm backend, which lacks it
 * in 4.22. Without it, training a convolution fails with `Kernel 'Conv2DBackpropFilter' not
 * registered for backend 'wasm'`.
 *
 * The gradient is itself a convolution, which wasm has: with samples as channels, the padded input
 * is convolved with the gradient of the output, dilated by the strides. Any strides and padding,
 * NHWC. Sums over a batch are float32 sums in sequence: a relative rounding error of about 1e-5 for
 * 100,000 terms.
 *
 * It changes tfjs's registry for the whole process, so nothing in this package calls it. Does
 * nothing where the kernel is there already. Still missing on wasm are the gradients of depthwise
 * and separable convolutions.
 *
 * @param tf - TensorFlow.js, the wasm backend imported or not
 * @returns whether it registered the kernel
 *
 * @example
 * ```ts
 * import * as tf from '@tensorflow/tfjs';
 * import { registerConvGradient } from '@polyak/backend-tfjs';
 *
 * console.log(registerConvGradient(tf), registerConvGradient(tf)); // true false
 * ```
 *
 * @see https://github.com/tensorflow/tfjs/tree/master/tfjs-backend-wasm/src/kernels
 */
export function registerConvGradient(tf: TensorFlow): boolean {
  requireTensorFlow('registerConvGradient', tf);
  if (tf.getKernel(KERNEL, BACKEND) !== undefined) return false;
  tf.registerKernel({
    kernelName: KERNEL,
    backendName: BACKEND,
    kernelFunc: ({ inputs, attrs }) =>
      // The engine passes a kernel the tensors and attributes of the operation, which its type does
      // not say.
      filterGradient(
        tf,
        inputs['x'] as Tensor4D,
        inputs['dy'] as Tensor4D,
        attrs as unknown as Conv2DBackpropFilterAttrs,
      ),
  });
  return true;
}

function filterGradient(
  tf: TensorFlow,
  x: Tensor4D,
  dy: Tensor4D,
  { filterShape, strides, pad, dataFormat, dimRoundingMode }: Conv2DBackpropFilterAttrs,
): Tensor {
  if (dataFormat !== 'NHWC') {
    throw new PolyakError(
      'ERR_UNSUPPORTED',
      `${KERNEL} by registerConvGradient: the data format is ${dataFormat}, expected NHWC ` +
        '(channelsLast).',
    );
  }
  const { padInfo, strideHeight, strideWidth, filterHeight, filterWidth, inChannels, outChannels } =
    tf.backend_util.computeConv2DInfo(x.shape, filterShape, strides, 1, pad, dimRoundingMode);
  const { top, bottom, left, right } = padInfo;
  return tf.tidy(() => {
    const gradient = tf.conv2d(
      tf.transpose(x, [3, 1, 2, 0]),
      tf.transpose(dy, [1, 2, 0, 3]),
      1,
      [
        [0, 0],
        [top, bottom],
        [left, right],
        [0, 0],
      ],
      'NHWC',
      [strideHeight, strideWidth],
    );
    // Rows and columns that no stride reaches make it larger than the filter.
    const used = tf.slice(
      gradient,
      [0, 0, 0, 0],
      [inChannels, filterHeight, filterWidth, outChannels],
    );
    return tf.transpose(used, [1, 2, 0, 3]);
  });
}
