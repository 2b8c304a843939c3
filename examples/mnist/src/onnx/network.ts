// The network of the demo for ONNX Runtime: the same as network.ts of TensorFlow.js, but with
// channels first.
import { imageSize } from '../data/mnist.js';
import { batchNorm } from './layers/batch-norm-layer.js';
import { convolution } from './layers/convolution.js';
import { dense } from './layers/dense.js';
import type { Layer } from './layers/layer.js';
import { flatten, maxPool, relu } from './layers/pooling.js';

/** The digits that the network tells apart. */
export const classes = 10;

/**
 * From images [n, 1, 28, 28] to logits [n, 10]. The comments give the extents of what comes out.
 */
export const digitLayers: readonly Layer[] = [
  convolution('conv1', 1, 8, 3), // 8 × 26 × 26
  batchNorm('bn1', 8),
  relu(),
  maxPool(2), // 8 × 13 × 13
  convolution('conv2', 8, 16, 3), // 16 × 11 × 11
  batchNorm('bn2', 16),
  relu(),
  maxPool(2), // 16 × 5 × 5
  flatten(),
  dense('dense1', 400, 32),
  relu(),
  dense('dense2', 32, classes),
];

/** What goes into the network and how much comes out. */
export const digitShapes = { imageShape: [1, imageSize, imageSize], classes } as const;
