// Runs of model.fit with swaCallback, the same each time: three steps an epoch.
import type { SwaCallback } from '@polyak/backend-tfjs';
import * as tf from '@tensorflow/tfjs';
import { data, SAMPLES } from '../training/training.js';

/** What a run is told beside its epochs and callbacks. */
export const FIT = { batchSize: SAMPLES / 3, shuffle: false, verbose: 0 } as const;

/** Averages from the third epoch on. */
export const EPOCHS = { swaStart: 2, swaFreq: 1, swaLr: 0.02, unit: 'epoch' } as const;

/** Fits the data of `training.ts`; `onEpoch` sees the live model. */
export async function train(
  model: tf.LayersModel,
  callbacks: SwaCallback | readonly SwaCallback[],
  epochs: number,
  onEpoch: (epoch: number) => void = () => {},
): Promise<tf.History> {
  const { x, y } = data();
  try {
    return await model.fit(x, y, {
      ...FIT,
      epochs,
      callbacks: [
        ...[callbacks].flat(),
        new tf.CustomCallback({ onEpochEnd: async (epoch) => onEpoch(epoch) }),
      ],
    });
  } finally {
    tf.dispose([x, y]);
  }
}

/** Fits the data without averaging. */
export async function trainAlone(model: tf.LayersModel, epochs: number): Promise<tf.LayersModel> {
  await train(model, [], epochs);
  return model;
}

/** Training batches, of other sizes than those of training. */
export function batches(): tf.Tensor[] {
  const { x, y } = data();
  const split = tf.split(x, [15, 9]);
  tf.dispose([x, y]);
  return split;
}
