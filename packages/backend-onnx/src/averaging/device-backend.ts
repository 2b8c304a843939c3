// The backend of tensors in GPU buffers, for the provider webgpu.
import type { AverageItem } from '@polyak/core/interfaces';
import { swapAll } from '@polyak/core/kit';
import type { Tensor } from 'onnxruntime-node';
import { elementsOf, specOf, tensorOver } from '../dtype.js';
import type { OnnxDType } from '../dtype.js';
import type { Ort } from '../ort.js';
import { handles, referencesOf, whileHeld } from '../references.js';
import type { OnnxBackend } from './onnx-backend.js';
import { averageOnDevice } from './device-average.js';
import { deviceFinite } from './device-finite.js';
import { deviceRuns } from './device-runs.js';
import type { DeviceRuns } from './device-runs.js';
import { averageKernel, castKernel, copyKernel } from './kernel-graph.js';
import { sessionsOf } from './sessions.js';
import type { Sessions } from './sessions.js';
import { statesOf } from './update-item.js';
import { requireUsable } from './usable.js';

const PLACE = {
  name: 'onnx:webgpu',
  place: 'a WebGPU buffer',
  holds: (location: Tensor['location']) => location === 'gpu-buffer',
} as const;

/** The dtypes that WebGPU's kernels copy. */
const DTYPES: readonly OnnxDType[] = ['float32', 'int32', 'uint32'];

/**
 * Makes the backend of tensors on the GPU.
 *
 * @param ort - the runtime
 * @throws the error of ONNX Runtime where there is no adapter
 */
export async function deviceBackend(ort: Ort): Promise<OnnxBackend> {
  const sessions = sessionsOf(ort);
  try {
    return await opened(ort, sessions);
  } catch (error) {
    await sessions.release();
    throw error;
  }
}

async function opened(ort: Ort, sessions: Sessions): Promise<OnnxBackend> {
  // Throws where there is no adapter.
  await sessions.get(averageKernel('float32', 'float32'), 1, 'gpu-buffer');
  const runs = deviceRuns(ort, sessions);
  const finite = await deviceFinite(ort, runs);
  const dtypes = (await hasHalves(ort, runs)) ? ([...DTYPES, 'float16'] as const) : DTYPES;
  const references = referencesOf((tensor) => {
    if (tensor.location !== 'none') tensor.dispose();
  });

  function require(call: string, tensors: readonly Tensor[] = []): void {
    sessions.requireOpen(call);
    requireUsable(call, tensors, PLACE);
  }

  return {
    specVersion: 1,
    name: PLACE.name,
    dtypes,
    isSynchronous: false,
    canCompensate: true,
    spec: specOf,

    async upload(tensors) {
      require('upload');
      return references.add(await runs.hold(tensors));
    },

    async download(tensors) {
      require('download', tensors);
      return whileHeld(tensors, async () => runs.read(tensors));
    },

    async clone(tensors) {
      require('clone', tensors);
      return whileHeld(tensors, async () =>
        references.add(await runs.map(tensors, copyKernel, 'gpu-buffer')),
      );
    },

    async cast(tensors, to) {
      require('cast', tensors);
      const kernelOf = (from: OnnxDType, index: number) =>
        castKernel(from, (to[index] ?? 'float32') as OnnxDType);
      return whileHeld(tensors, async () =>
        references.add(await runs.map(tensors, kernelOf, 'gpu-buffer')),
      );
    },

    async allFinite(tensors) {
      require('allFinite', tensors);
      return whileHeld(tensors, async () => finite.check(tensors));
    },

    async average(items, { allowNonFinite = false } = {}) {
      const read = items.flatMap((item) => [...statesOf(item), item.live]);
      require('average', read);
      // A reduction over no elements is undefined.
      const full = items.filter(({ average }) => average.size > 0);
      const made = await whileHeld(read, async () => averageOnDevice(ort, runs, finite, full));
      const results = made.values();
      const averaged = items.map((item) =>
        full.includes(item) ? results.next().value : undefined,
      );
      const nonFinite = averaged.flatMap((result, index) =>
        result?.isFinite === false ? [index] : [],
      );
      if (nonFinite.length > 0 && !allowNonFinite) {
        for (const tensor of made.flatMap(statesOf)) tensor.dispose();
        return { kind: 'refused', nonFinite };
      }
      references.add(made.flatMap(statesOf));
      references.release('average', full.flatMap(statesOf));
      return {
        kind: 'averaged',
        items: averaged.map((result, index) => result ?? unmoved(items[index] as Item)),
      };
    },

    async swap(parameters, tensors) {
      require('swap', tensors);
      const held = parameters.map((parameter) => parameter.get());
      requireUsable('swap', held, PLACE, (index) => `"${parameters[index]?.name}"`);
      return swapAll(handles, parameters, tensors);
    },

    dispose(tensors) {
      references.release('dispose', tensors);
    },

    memory: () => ({ tensors: references.memory().tensors, sessions: sessions.count }),
    release: () => sessions.release(),
  };
}

type Item = AverageItem<Tensor>;

/** The result for an item without elements. */
function unmoved({ average, residual }: Item) {
  return { average, ...(residual !== undefined && { residual }), isFinite: true, hasMoved: false };
}

/** Whether the device computes in float16, which is optional in WebGPU. */
async function hasHalves(ort: Ort, runs: DeviceRuns): Promise<boolean> {
  try {
    const half = tensorOver(ort, { dtype: 'float16', shape: [1], data: Uint16Array.of(0x3c00) });
    const [wide] = await runs.map([half], () => castKernel('float16', 'float32'), 'cpu');
    return wide !== undefined && elementsOf(wide)[0] === 1;
  } catch {
    return false;
  }
}
