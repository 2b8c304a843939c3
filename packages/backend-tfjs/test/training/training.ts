// A small regression problem and its model, the same in every run.
import * as tf from '@tensorflow/tfjs';

/** Deterministic values in [-1, 1). */
export function values(length: number, seed: number): Float32Array {
  return Float32Array.from({ length }, (_, index) => {
    const x = Math.sin(index * 12.9898 + seed * 78.233) * 43758.5453;
    return 2 * (x - Math.floor(x)) - 1;
  });
}

export const SAMPLES = 24;

/** Inputs [24, 3] and targets [24, 1]. */
export function data(): { x: tf.Tensor2D; y: tf.Tensor2D } {
  const inputs = values(SAMPLES * 3, 1);
  const targets = Float32Array.from(
    { length: SAMPLES },
    (_, n) => (inputs[3 * n] ?? 0) * 2 - (inputs[3 * n + 1] ?? 0) + 0.1 * Math.sin(n),
  );
  return { x: tf.tensor2d(inputs, [SAMPLES, 3]), y: tf.tensor2d(targets, [SAMPLES, 1]) };
}

/** Dense, batch norm, dense; compiled with momentum 0.9. */
export function compiledModel(
  optimizer: tf.Optimizer = tf.train.momentum(0.05, 0.9),
): tf.LayersModel {
  const kernelInitializer = (seed: number): ReturnType<typeof tf.initializers.randomUniform> =>
    tf.initializers.randomUniform({ minval: -0.5, maxval: 0.5, seed });
  const model = tf.sequential({
    layers: [
      tf.layers.dense({
        name: 'hidden',
        units: 5,
        inputShape: [3],
        activation: 'tanh',
        kernelInitializer: kernelInitializer(7),
      }),
      tf.layers.batchNormalization({ name: 'bn' }),
      tf.layers.dense({ name: 'head', units: 1, kernelInitializer: kernelInitializer(8) }),
    ],
  });
  model.compile({ optimizer, loss: 'meanSquaredError' });
  return model;
}

/** The numbers in the trainable weights. */
export function weightsOf(model: tf.LayersModel): number[] {
  return model.trainableWeights.flatMap((weight) => [...weight.read().dataSync()]);
}

/** The numbers in all weights, moving statistics too. */
export function allWeightsOf(model: tf.LayersModel): number[] {
  return model.getWeights().flatMap((weight) => [...weight.dataSync()]);
}

/** The mean of rows, element by element. */
export function mean(rows: readonly number[][]): number[] {
  return (rows[0] ?? []).map(
    (_, index) => rows.reduce((sum, row) => sum + (row[index] ?? NaN), 0) / rows.length,
  );
}

/** What `model.save` gives, in memory. */
export async function saved(model: tf.LayersModel): Promise<tf.io.ModelArtifacts> {
  let artifacts: tf.io.ModelArtifacts | undefined;
  const handler = tf.io.withSaveHandler(async (given) => {
    artifacts = given;
    return { modelArtifactsInfo: { dateSaved: new Date(), modelTopologyType: 'JSON' } };
  });
  await model.save(handler, { includeOptimizer: true });
  if (artifacts === undefined) throw new Error('nothing was saved');
  return artifacts;
}

/** A model from what {@link saved} gave. */
export async function loaded(artifacts: tf.io.ModelArtifacts): Promise<tf.LayersModel> {
  return tf.loadLayersModel(tf.io.fromMemory(artifacts));
}
