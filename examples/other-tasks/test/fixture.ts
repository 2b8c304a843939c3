// A task that is trained in a second: points in a plane, in three sectors.
import seedrandom from 'seedrandom';

import type { Samples } from '../src/samples.js';
import { partsOf } from '../src/tasks/parts.js';
import type { Task } from '../src/tasks/task.js';

const RATES = { sgd: 0.05, 'sgd-constant': 0.05, adam: 0.01, 'adam-annealed': 0.01 };

/** Two epochs of a small network with batch norm. */
export const sectors: Task = {
  name: 'sectors',
  classes: ['left', 'upper', 'lower'],
  epochs: 2,
  batchSize: 8,
  scoreEvery: 1,
  candidates: { sgd: [0.05, 0.1], 'sgd-constant': [0.05], adam: [0.01], 'adam-annealed': [0.01] },
  rates: RATES,
  read: async () => partsOf(samples(100), { train: 60, validation: 20, test: 20 }),
  createModel(tf, { seed, inputShape }) {
    const kernelInitializer = tf.initializers.heNormal({ seed });
    return tf.sequential({
      layers: [
        tf.layers.dense({ units: 16, inputShape: [...inputShape], kernelInitializer }),
        tf.layers.batchNormalization({}),
        tf.layers.activation({ activation: 'relu' }),
        tf.layers.dense({ units: 3, kernelInitializer }),
      ],
    });
  },
};

/** So many points, all different. */
export function samples(count: number): Samples {
  const random = seedrandom('points');
  const inputs = Float32Array.from({ length: 2 * count }, () => 2 * random() - 1);
  const labels = Uint8Array.from({ length: count }, (_, index) => {
    const [x = 0, y = 0] = inputs.subarray(2 * index, 2 * index + 2);
    if (x < 0) return 0;
    return y > 0 ? 1 : 2;
  });
  return { shape: [2], inputs, labels };
}
