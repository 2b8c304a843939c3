// The gradients of convolutions that tfjs's wasm backend lacks.
import { PolyakError } from '@polyak/core';
import type {
  Conv2DBackpropFilterAttrs,
  DepthwiseConv2dNativeBackpropFilterAttrs,
  DepthwiseConv2dNativeBackpropInputAttrs,
  KernelFunc,
  Tensor,
  Tensor4D,
} from '@tensorflow/tfjs-core';
import type { TensorFlow } from '../tensorflow.js';
import { requireTensorFlow } from '../tensorflow.js';
import { depthwiseFilterGradient, depthwiseInputGradient } from './depthwise-gradient.js';

const KERNEL = 'Conv2DBackpropFilter';
const BACKEND = 'wasm';

/**
 * Adds the gradients of convolutions to tfjs's wasm backend that it lacks in 4.22: those of
 * `conv2d` with respect to its filter, and of `depthwiseConv2d` with respect to its input and its
 * filter, which separable convolutions need too. Without them, training fails with `Kernel
 * 'Conv2DBackpropFilter' not registered for backend 'wasm'` or `Kernel
 * 'DepthwiseConv2dNativeBackpropInput' not registered for backend 'wasm'`.
 *
 * The gradients are written with operations that wasm has, for any strides and padding, NHWC. tfjs
 * itself refuses to differentiate dilated convolutions, on every backend. Sums over a batch are
 * float32 sums in sequence: a relative rounding error of about 1e-5 for 100,000 terms.
 *
 * It changes tfjs's registry for the whole process, so nothing in this package calls it. Does
 * nothing where the kernels are there already. Still missing on wasm is the gradient of `gather`,
 * and so of embeddings: `Kernel 'UnsortedSegmentSum' not registered for backend 'wasm'`.
 *
 * @param tf - TensorFlow.js, the wasm backend imported or not
 * @returns whether it registered a kernel
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
  // The engine passes a kernel the tensors and attributes of the operation, which its type does not
  // say.
  const kernels: Readonly<Record<string, KernelFunc>> = {
    [KERNEL]: ({ inputs, attrs }) =>
      filterGradient(
        tf,
        inputs['x'] as Tensor4D,
        inputs['dy'] as Tensor4D,
        attrs as unknown as Conv2DBackpropFilterAttrs,
      ),
    DepthwiseConv2dNativeBackpropInput: ({ inputs, attrs }) =>
      depthwiseInputGradient(
        tf,
        inputs['dy'] as Tensor4D,
        inputs['filter'] as Tensor4D,
        attrs as unknown as DepthwiseConv2dNativeBackpropInputAttrs,
      ),
    DepthwiseConv2dNativeBackpropFilter: ({ inputs, attrs }) =>
      depthwiseFilterGradient(
        tf,
        inputs['x'] as Tensor4D,
        inputs['dy'] as Tensor4D,
        attrs as unknown as DepthwiseConv2dNativeBackpropFilterAttrs,
      ),
  };
  const missing = Object.entries(kernels).filter(
    ([kernelName]) => tf.getKernel(kernelName, BACKEND) === undefined,
  );
  for (const [kernelName, kernelFunc] of missing) {
    tf.registerKernel({ kernelName, backendName: BACKEND, kernelFunc });
  }
  return missing.length > 0;
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
    const used = tf.slice(gradient, 0, [inChannels, filterHeight, filterWidth, outChannels]);
    return tf.transpose(used, [1, 2, 0, 3]);
  });
}
