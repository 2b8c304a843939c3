// Models of TensorFlow.js for the tests of formats, loaded by its own HTTP loader.
import * as tf from '@tensorflow/tfjs';
import type { Files } from './outputs.js';

const text = (content: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(content));

/** A weight as it stands in a manifest. */
export interface WeightEntry {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: string;
  readonly quantization?: Readonly<Record<string, unknown>>;
}

/** A model.json with one group of weights, whose shards are cut at the given bytes. */
export function modelFiles(
  weights: readonly WeightEntry[],
  data: Uint8Array,
  cuts: readonly number[] = [],
  rest: Readonly<Record<string, unknown>> = {},
): Files {
  const bounds = [0, ...cuts, data.length];
  const shards = bounds.slice(1).map((end, index) => {
    const path = `group1-shard${index + 1}of${bounds.length - 1}.bin`;
    return [path, data.slice(bounds[index], end)] as const;
  });
  const weightsManifest = [{ paths: shards.map(([path]) => path), weights }];
  return new Map([...shards, ['model.json', text({ ...rest, weightsManifest })]]);
}

/** A layers model of two layers, with shards of 40 bytes. */
export async function layersModel(): Promise<Files> {
  const model = tf.sequential({
    layers: [
      tf.layers.dense({ units: 3, inputShape: [2], name: 'first' }),
      tf.layers.dense({ units: 2, name: 'second', activation: 'tanh' }),
    ],
  });
  model.setUserDefinedMetadata({ author: 'me' });
  let files: Files = new Map();
  const handler = tf.io.withSaveHandler((artifacts) => {
    const { modelTopology, weightSpecs = [], weightData, userDefinedMetadata } = artifacts;
    const data = new Uint8Array(weightData as ArrayBuffer);
    const cuts = Array.from({ length: Math.floor(data.length / 40) }, (_, n) => 40 * (n + 1));
    const rest = { format: 'layers-model', modelTopology, userDefinedMetadata };
    files = modelFiles(weightSpecs, data, cuts, rest);
    const modelArtifactsInfo = { dateSaved: new Date(), modelTopologyType: 'JSON' as const };
    return Promise.resolve({ modelArtifactsInfo });
  });
  await model.save(handler);
  model.dispose();
  return files;
}

const type = { type: 'DT_FLOAT' };
const size = (extent: number): unknown => ({ size: String(extent) });

/** A graph model: x times a matrix of 2 by 3, which is the tensor w. */
export const GRAPH = {
  format: 'graph-model',
  generatedBy: '2.19',
  modelTopology: {
    node: [
      {
        name: 'x',
        op: 'Placeholder',
        attr: { dtype: type, shape: { shape: { dim: [size(-1), size(2)] } } },
      },
      {
        name: 'w',
        op: 'Const',
        attr: { dtype: type, value: { tensor: { dtype: 'DT_FLOAT', tensorShape: {} } } },
      },
      {
        name: 'y',
        op: 'MatMul',
        input: ['x', 'w'],
        attr: { T: type, transpose_a: { b: false }, transpose_b: { b: false } },
      },
    ],
    versions: { producer: 1 },
  },
};

/** The loader of files over HTTP, of files in memory. */
export function httpOf(files: Files, main: string): tf.io.IOHandler {
  const fetchFunc = (url: string): Promise<Response> => {
    const bytes = files.get(url.replace('http://models/', ''));
    return Promise.resolve(
      bytes === undefined
        ? new Response(null, { status: 404 })
        : new Response(Uint8Array.from(bytes)),
    );
  };
  return tf.io.http(`http://models/${main}`, { fetchFunc: fetchFunc as typeof fetch });
}
