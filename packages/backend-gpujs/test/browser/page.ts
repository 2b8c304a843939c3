// What runs in the browser: the minified bundle of this file.
import { gpujsBackend, gpujsParameter, gpujsTensor } from '@polyak/backend-gpujs';
import type { GpujsBackend, GpujsTensor } from '@polyak/backend-gpujs';
import { AveragedModel } from '@polyak/core';
import { backendConformance } from '@polyak/core/conformance';
import type { ConformanceOutcome } from '@polyak/core/conformance';
import gpujs from 'gpu.js';
import type { GPU as Gpu, Texture } from 'gpu.js';
import { countTextures } from '../count-textures.js';
import { sameParameter } from '../same-parameter.js';
import { textureOf } from '../textures.js';
import { deleteTextures } from '../updates.js';

/** Where the live weights of a test lie. */
export type Place = 'arrays' | 'textures' | 'dense textures';

let gpu: Gpu;
let backend: GpujsBackend;

/** What the page really computes with. */
export interface Device {
  readonly name: string;
  readonly canCompensate: boolean;
}

async function start(mode: 'webgl2' | 'webgpu'): Promise<Device> {
  gpu = new gpujs.GPU({ mode });
  backend = await gpujsBackend(gpu);
  return { name: backend.name, canCompensate: backend.canCompensate };
}

async function conform(name: string, place: Place): Promise<ConformanceOutcome> {
  const tests = backendConformance(
    () => ({
      backend,
      parameter: async (title, { data, shape }) =>
        gpujsParameter(title, await placed(data as Float32Array, shape, place), shape),
      sameParameter,
      liveTensors: () => backend.memory().tensors,
    }),
    // In tests, software stands in for the GPU.
    { maxElements: 1_100_000 },
  );
  const test = tests.find((candidate) => candidate.name === name);
  if (test === undefined) throw new Error(`the suite has no test "${name}"`);
  return test.run();
}

async function placed(
  data: Float32Array,
  shape: readonly number[],
  place: Place,
): Promise<Float32Array | Texture> {
  if (place === 'arrays' || data.length === 0) return data.slice();
  return textureOf(gpu, data, shape, place === 'dense textures');
}

/** What {@link update} starts from. */
export interface Operands {
  readonly average: readonly number[];
  readonly residual: readonly number[];
  readonly live: readonly number[];
  readonly weight: number;
}

/**
 * The average after one plain update, and after a compensated one with the residual it carries
 * then.
 */
async function update(
  { average, residual, live, weight }: Operands,
  place: Place,
): Promise<number[][]> {
  const live32 = Float32Array.from(live);
  const lives = [gpujsTensor(await placed(live32, [live.length], place))] as const;
  const [plain, sum, error] = backend.upload(
    [average, average, residual].map((values) => ({
      dtype: 'float32',
      shape: [values.length],
      data: Float32Array.from(values),
    })),
  ) as [GpujsTensor, GpujsTensor, GpujsTensor];
  const result = await backend.average([
    { average: plain, live: lives[0], weight },
    { average: sum, residual: error, live: lives[0], weight },
  ]);
  const [first, second] = result.kind === 'averaged' ? result.items : [];
  const made = [first?.average, second?.average, second?.residual] as GpujsTensor[];
  const found = await backend.download(made);
  backend.dispose(made);
  deleteTextures(lives);
  return found.map(({ data }) => [...(data as Float32Array)]);
}

/**
 * The textures, or on webgpu the buffers, that a thousand rounds of an update and two swaps leave
 * behind.
 */
async function leftBehind(place: Place): Promise<number> {
  const count = countTextures(gpu);
  const params = [
    gpujsParameter('a', await placed(new Float32Array(70).fill(1), [7, 10], place), [7, 10]),
    gpujsParameter('b', await placed(new Float32Array(5).fill(1), [5], place), [5]),
  ];
  // The weights stay what they are, which is warned of.
  const model = new AveragedModel(params, { backend, onWarning: () => {} });
  const rounds = async (times: number): Promise<void> => {
    for (let n = 0; n < times; n += 1) {
      await model.update();
      await model.swap();
      await model.swap();
    }
  };
  await rounds(10);
  const before = count();
  await rounds(1000);
  const after = count();
  await model.dispose();
  return after - before;
}

/** Whether NaN is found at each of these places of a texture. */
async function findsNaN(length: number, places: readonly number[]): Promise<readonly boolean[]> {
  const tensors: GpujsTensor[] = [];
  for (const bad of [...places, -1]) {
    const data = new Float32Array(length).fill(3e38);
    if (bad >= 0) data[bad] = NaN;
    tensors.push(gpujsTensor(await textureOf(gpu, data, [length])));
  }
  const found = await backend.allFinite(tensors);
  deleteTextures(tensors);
  return found;
}

const api = { start, conform, update, leftBehind, findsNaN };

/** The functions that the page offers. */
export type PageApi = typeof api;

Object.assign(globalThis, { polyak: api });
