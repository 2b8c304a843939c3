// Tensors in host memory, for the providers cpu and cuda: ORT reads and writes their arrays without
// a copy.
import type { HostArray } from '@polyak/core';
import { arrayOf } from '@polyak/core';
import type { Tensor } from 'onnxruntime-node';
import { ONNX_DTYPES, elementsOf, feedable, specOf, tensorOver } from '../dtype.js';
import type { OnnxDType } from '../dtype.js';
import { allFinite } from './host-finite.js';
import type { HostUpdate } from './host-update.js';
import { updateInChunks } from './host-update.js';
import { averageKernel, castKernel, compensatedKernel } from './kernel-graph.js';
import type { Ort } from '../ort.js';
import { Scratch } from './scratch.js';
import type { Sessions } from '../sessions.js';
import { groupsOf } from './storage.js';
import type { Storage } from './storage.js';

/**
 * Storage in host memory.
 *
 * @param ort - the runtime
 * @param sessions - of the provider that computes
 */
export function hostStorage(ort: Ort, sessions: Sessions): Storage {
  keepFreedPages();
  /** Those that no call uses: calls may overlap. */
  const idle: Scratch[] = [];

  const copyOf = (tensor: Tensor): Tensor =>
    tensorOver(ort, { ...specOf(tensor), data: elementsOf(tensor).slice() });

  async function cast(tensor: Tensor, dtype: OnnxDType): Promise<Tensor> {
    const { dtype: from, shape } = specOf(tensor);
    const result = tensorOver(ort, { dtype, shape, data: new (arrayOf(dtype))(tensor.size) });
    if (tensor.size === 0) return result;
    const session = await sessions.get(castKernel(from, dtype), 1, 'cpu');
    await session.run({ from: feedable(ort, tensor) }, { to: result });
    return result;
  }

  return {
    holds: (location) => location === 'cpu' || location === 'cpu-pinned',
    place: 'host memory',
    dtypes: ONNX_DTYPES,

    async hold(tensors) {
      return tensors.map((tensor) => tensorOver(ort, { ...tensor, data: tensor.data.slice() }));
    },

    async read(tensors) {
      return tensors.map((tensor) => ({ ...specOf(tensor), data: elementsOf(tensor).slice() }));
    },

    async clone(tensors) {
      return tensors.map(copyOf);
    },

    async cast(tensors, dtypes) {
      return Promise.all(
        tensors.map(async (tensor, index) => cast(tensor, dtypes[index] ?? specOf(tensor).dtype)),
      );
    },

    async allFinite(tensors) {
      return tensors.map((tensor) => allFinite(specOf(tensor).dtype, elementsOf(tensor)));
    },

    async update(states, live, weight) {
      const kernelOf = states.length === 1 ? averageKernel : compensatedKernel;
      const dtypes = live.map(
        (tensor, index) => [typeOf(states[0][index]), typeOf(tensor)] as const,
      );
      const updates: HostUpdate[] = [];
      for (const places of groupsOf(dtypes.map(String))) {
        const [average, source] = dtypes[places[0] as number] as readonly [OnnxDType, OnnxDType];
        const arrays = (tensors: readonly Tensor[]): readonly HostArray[] =>
          places.map((place) => elementsOf(tensors[place] as Tensor));
        updates.push({
          dtypes: { average, live: source },
          states: states.map(arrays),
          live: arrays(live),
          session: await sessions.get(kernelOf(average, source), 1, 'cpu'),
        });
      }
      const scratch = idle.pop() ?? new Scratch();
      try {
        await updateInChunks(ort, scratch, updates, weight);
      } finally {
        idle.push(scratch);
      }
      return states;
    },
  };
}

function typeOf(tensor: Tensor | undefined): OnnxDType {
  return specOf(tensor as Tensor).dtype;
}

/**
 * ORT's outputs are new arrays, by the thousand. glibc gives what is freed of them back to the
 * system, and takes it anew page by page, until a larger block was freed once: 180,000 page faults
 * in a process of 31 updates of 10M elements, 70,000 with this one. Never touched, it takes no
 * memory.
 */
function keepFreedPages(): void {
  void new ArrayBuffer(24 * 2 ** 20);
}
