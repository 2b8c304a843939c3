// A layers model on disk in the format of TensorFlow.js: plain tfjs has no file handler in Node.
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { TensorFlowWithLayers } from '@polyak/backend-tfjs';
import type * as TensorFlow from '@tensorflow/tfjs';

import { writeWhole } from './write-whole.js';

const topologyFile = 'model.json';
const weightsFile = 'weights.bin';

/**
 * Writes `model.json` and `weights.bin` into `folder`, as `tf.loadLayersModel` reads them anywhere.
 */
export async function saveModel(
  tf: TensorFlowWithLayers,
  model: TensorFlow.LayersModel,
  folder: string,
): Promise<void> {
  await mkdir(folder, { recursive: true });
  const handler = tf.io.withSaveHandler(async (artifacts) => {
    const { weightData, weightSpecs, modelTopology, format, generatedBy, convertedBy } = artifacts;
    const manifest = [{ paths: [weightsFile], weights: weightSpecs }];
    const json = { format, generatedBy, convertedBy, modelTopology, weightsManifest: manifest };
    const weights = new tf.io.CompositeArrayBuffer(weightData).slice();
    await writeWhole(join(folder, weightsFile), new Uint8Array(weights));
    await writeWhole(join(folder, topologyFile), JSON.stringify(json));
    return { modelArtifactsInfo: tf.io.getModelArtifactsInfoForJSON(artifacts) };
  });
  await model.save(handler);
}

/**
 * The model in `folder`: what {@link saveModel} wrote, tfjs-node's `model.save`, or the Keras
 * converter, in one file of weights or several.
 */
export async function loadModel(
  tf: TensorFlowWithLayers,
  folder: string,
): Promise<TensorFlow.LayersModel> {
  const json = await readFile(join(folder, topologyFile), 'utf8');
  const { modelTopology, weightsManifest } = JSON.parse(json) as TensorFlow.io.ModelJSON;
  const paths = weightsManifest.flatMap((group) => group.paths);
  const weights = Buffer.concat(
    await Promise.all(paths.map(async (path) => readFile(join(folder, path)))),
  );
  return tf.loadLayersModel(
    tf.io.fromMemory({
      modelTopology,
      weightSpecs: weightsManifest.flatMap((group) => group.weights),
      weightData: new Uint8Array(weights).buffer,
    }),
  );
}
