// The networks of the tasks.
import type { Sequential } from '@tensorflow/tfjs-layers';
import { initializers, layers, sequential } from '@tensorflow/tfjs-layers';
import { digitPixels } from '../task/digits.js';
import type { TaskName } from '../task/task.js';

type Initializer = ReturnType<typeof initializers.glorotNormal>;

/** A new network; the same seed gives the same weights on every backend. */
export function createNetwork(task: TaskName, seed: number): Sequential {
  // tfjs takes the seed 0 for none.
  const initializer = (layer: number): Initializer =>
    initializers.glorotNormal({ seed: seed * 16 + layer });
  return task === 'spirals' ? spiralNetwork(initializer) : digitNetwork(initializer);
}

function spiralNetwork(initializer: (layer: number) => Initializer): Sequential {
  return sequential({
    name: 'spirals',
    layers: [
      layers.dense({
        name: 'hidden',
        units: 16,
        activation: 'tanh',
        inputShape: [2],
        kernelInitializer: initializer(1),
      }),
      layers.dense({ name: 'logits', units: 3, kernelInitializer: initializer(2) }),
    ],
  });
}

function digitNetwork(initializer: (layer: number) => Initializer): Sequential {
  const hidden = (index: number): Parameters<typeof layers.dense>[0] => ({
    name: `hidden${index}`,
    units: 32,
    useBias: false, // the batch norm that follows has a shift of its own
    kernelInitializer: initializer(index),
  });
  return sequential({
    name: 'digits',
    layers: [
      layers.dense({ ...hidden(1), inputShape: [digitPixels] }),
      layers.batchNormalization({ name: 'bn1' }),
      layers.reLU({ name: 'relu1' }),
      layers.dense(hidden(2)),
      layers.batchNormalization({ name: 'bn2' }),
      layers.reLU({ name: 'relu2' }),
      layers.dense({ name: 'logits', units: 10, kernelInitializer: initializer(3) }),
    ],
  });
}
