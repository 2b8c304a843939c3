// The averaged model as files.
import { encodeSafetensors } from '@polyak/safetensors';
import * as tf from '@tensorflow/tfjs-core';
import type { Session } from './session.js';

export type Format = 'safetensors' | 'tfjs';

export interface DownloadedFile {
  readonly name: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** The average that is shown, with batch-norm statistics of its own. */
export async function filesOf(
  session: Session,
  format: Format,
): Promise<readonly DownloadedFile[]> {
  return format === 'safetensors' ? safetensors(session) : layersModel(session);
}

async function safetensors(session: Session): Promise<readonly DownloadedFile[]> {
  const { run } = session;
  const weights = await run.average();
  const statistics = await session.withAverage(() => run.live.batchNorm.read());
  const bytes = encodeSafetensors({ ...weights, ...statistics }, { average: run.controls.rule });
  return [{ name: 'averaged.safetensors', bytes: Uint8Array.from(bytes) }];
}

/** Two files: `tf.loadLayersModel` reads `model.json`, which names `weights.bin`. */
async function layersModel(session: Session): Promise<readonly DownloadedFile[]> {
  const files: DownloadedFile[] = [];
  const handler = tf.io.withSaveHandler(async (artifacts) => {
    const { weightData, weightSpecs, modelTopology, format, generatedBy } = artifacts;
    const weightsManifest = [{ paths: ['weights.bin'], weights: weightSpecs }];
    const json = JSON.stringify({ format, generatedBy, modelTopology, weightsManifest });
    const weights = new tf.io.CompositeArrayBuffer(weightData).slice();
    files.push(
      { name: 'model.json', bytes: new TextEncoder().encode(json) },
      { name: 'weights.bin', bytes: new Uint8Array(weights) },
    );
    return { modelArtifactsInfo: tf.io.getModelArtifactsInfoForJSON(artifacts) };
  });
  await session.withAverage(() => session.run.live.model.save(handler));
  return files;
}
