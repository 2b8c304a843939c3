// The gradients of a depthwise convolution, of operations that tfjs's wasm backend has.
import type {
  DepthwiseConv2dNativeBackpropFilterAttrs,
  DepthwiseConv2dNativeBackpropInputAttrs,
  Rank,
  Tensor,
  Tensor4D,
} from '@tensorflow/tfjs-core';
import type { TensorFlow } from '../tensorflow.js';

/**
 * With respect to the input: the gradient of the output, dilated by the strides, is convolved with
 * the filter turned by 180 degrees.
 */
export function depthwiseInputGradient(
  tf: TensorFlow,
  dy: Tensor4D,
  filter: Tensor4D,
  { inputShape, strides, pad, dimRoundingMode }: DepthwiseConv2dNativeBackpropInputAttrs,
): Tensor {
  const { padInfo, strideHeight, strideWidth, filterHeight, filterWidth, outHeight, outWidth } =
    tf.backend_util.computeConv2DInfo(inputShape, filter.shape, strides, 1, pad, dimRoundingMode);
  const [batch, height, width, channels] = inputShape;
  const [, , , multiplier] = filter.shape;
  const outChannels = channels * multiplier;
  const dilated = [outHeight * strideHeight, outWidth * strideWidth] as const;
  return tf.tidy(() => {
    const rows = tf.pad(tf.reshape(dy, [batch * outHeight, 1, outWidth, outChannels]), [
      [0, 0],
      [0, strideHeight - 1],
      [0, 0],
      [0, 0],
    ]);
    const columns = tf.pad(tf.reshape(rows, [batch * dilated[0], outWidth, 1, outChannels]), [
      [0, 0],
      [0, 0],
      [0, strideWidth - 1],
      [0, 0],
    ]);
    const padded = tf.pad<Tensor4D>(tf.reshape(columns, [batch, ...dilated, outChannels]), [
      [0, 0],
      [filterHeight - 1, filterHeight - 1],
      [filterWidth - 1, filterWidth - 1],
      [0, 0],
    ]);
    const turned = tf.reshape<Rank.R4>(tf.reverse(filter, [0, 1]), [
      filterHeight,
      filterWidth,
      outChannels,
      1,
    ]);
    // It reaches to the end of the input: a convolution leaves a rest smaller than its stride, and
    // `dilated` has that many zeros after the last row and column.
    const gradient = tf.depthwiseConv2d(padded, turned, 1, 'valid');
    const used = tf.slice(
      gradient,
      [0, padInfo.top, padInfo.left, 0],
      [batch, height, width, outChannels],
    );
    return tf.reshape(tf.sum(tf.reshape(used, [-1, multiplier]), 1), inputShape);
  });
}

/**
 * With respect to the filter: for each of its elements, the products of the inputs that it meets
 * with the gradient of the output are summed.
 */
export function depthwiseFilterGradient(
  tf: TensorFlow,
  x: Tensor4D,
  dy: Tensor4D,
  { filterShape, strides, pad, dimRoundingMode }: DepthwiseConv2dNativeBackpropFilterAttrs,
): Tensor {
  const { padInfo, strideHeight, strideWidth, outHeight, outWidth } =
    tf.backend_util.computeConv2DInfo(x.shape, filterShape, strides, 1, pad, dimRoundingMode);
  const { top, bottom, left, right } = padInfo;
  const [batch] = x.shape;
  const [filterHeight, filterWidth, channels, multiplier] = filterShape;
  const [reachedRows, reachedColumns] = [
    (outHeight - 1) * strideHeight + 1,
    (outWidth - 1) * strideWidth + 1,
  ];
  return tf.tidy(() => {
    const padded = tf.pad(x, [
      [0, 0],
      [top, bottom],
      [left, right],
      [0, 0],
    ]);
    const outputs = tf.reshape(dy, [-1, channels, multiplier]);
    const elements: Tensor[] = [];
    for (let row = 0; row < filterHeight; row += 1) {
      for (let column = 0; column < filterWidth; column += 1) {
        const met = tf.stridedSlice(
          padded,
          [0, row, column, 0],
          [batch, row + reachedRows, column + reachedColumns, channels],
          [1, strideHeight, strideWidth, 1],
        );
        const products = tf.mul(tf.reshape(met, [-1, channels, 1]), outputs);
        elements.push(tf.sum(products, 0));
      }
    }
    return tf.reshape(tf.stack(elements), filterShape);
  });
}
