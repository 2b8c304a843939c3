// Digits as tensors of ONNX Runtime.
import { Tensor } from 'onnxruntime-node';

import { type Digits, imageSize } from '../data/mnist.js';

/** The images of a batch, as [n, 1, 28, 28]. Shares memory with the batch. */
export function imageTensor({ images, count }: Digits): Tensor {
  return new Tensor('float32', images, [count, 1, imageSize, imageSize]);
}

/** The labels of a batch, as int64 of [n]. */
export function labelTensor({ labels, count }: Digits): Tensor {
  return new Tensor('int64', BigInt64Array.from(labels, BigInt), [count]);
}
