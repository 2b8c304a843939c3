// Averages on tfjs's wasm backend. The kernels of backend-cpu compute them where the tensors lie,
// in the memory of tfjs's own WebAssembly module.
//
// An update of 10M weights takes 0.17 of the CPU time of a plain loop over typed arrays; in tfjs's
// operations, five passes that each allocate, it takes 0.83. Of 160 tensors of 6250: 0.2, and 1.9.
//
// tfjs declares the methods that this uses, but not the memory, which Emscripten exports as
// `asm.memory`. tfjs with threads has a shared one, which the kernels do not take. A known update
// decides whether this storage can be used.
import { heapKernels } from '@polyak/backend-cpu/host';
import type { UpdateItem } from '@polyak/backend-cpu/host';
import type { Tensor, Variable } from '@tensorflow/tfjs-core';
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import type { TensorFlow } from '../tensorflow.js';
import { deviceStorage } from './device-storage.js';
import type { Storage, VariableItem } from './storage.js';

/**
 * Storage of the wasm backend.
 *
 * An update writes into new tensors, so it needs room for one more set of averages.
 *
 * @param tf - the runtime, its wasm backend active
 * @returns the storage, or undefined where the kernels cannot compute in this tfjs's memory
 */
export function wasmStorage(tf: TensorFlow): Storage | undefined {
  try {
    const storage = storageInHeap(tf);
    return updatesRight(tf, storage) ? storage : undefined;
  } catch {
    // Another version of tfjs may lack any of it. Its operations do the same, only slower.
    return undefined;
  }
}

/** The part of tfjs's WebAssembly module that its types leave out. */
interface EmscriptenModule {
  readonly asm: { readonly memory: { readonly buffer: ArrayBuffer } };
}

function storageInHeap(tf: TensorFlow): Storage {
  const backend = tf.backend() as unknown as BackendWasm;
  const { memory } = (backend.wasm as unknown as EmscriptenModule).asm;
  const kernels = heapKernels(memory);

  // Moves the tensor here first where another backend holds it. That may grow the memory, which
  // detaches its buffer and all views.
  const addressOf = ({ dataId }: Tensor): number => backend.getMemoryOffset(dataId);
  const view = (tensor: Tensor): Float32Array => {
    const address = addressOf(tensor);
    return new Float32Array(memory.buffer, address, tensor.size);
  };

  /** A tensor with undefined contents. */
  function tensorLike({ shape, size }: Tensor): Tensor {
    const tensor = tf.engine().makeTensorFromTensorInfo(backend.makeOutput(shape, 'float32'));
    if (size === 0 || addressOf(tensor) !== 0) return tensor;
    tensor.dispose();
    throw new RangeError(`average: tfjs's memory has no room for ${4 * size} bytes more.`);
  }

  function viewsOf({ average, residual, live, weight }: VariableItem): UpdateItem {
    return {
      average: view(average),
      residual: residual && view(residual),
      live: view(live),
      weight,
    };
  }

  return {
    ...deviceStorage(tf),

    allFinite: (tensors) => tensors.map((tensor) => kernels.allFinite(view(tensor))),

    average(items, allowNonFinite) {
      const states = items.flatMap(statesOf);
      const results: Tensor[] = [];
      try {
        for (const state of states) results.push(tensorLike(state));
        for (const tensor of [...states, ...items.map(({ live }) => live)]) addressOf(tensor);
        const result = kernels.average(items.map(viewsOf), results.map(view), allowNonFinite);
        if (result.kind === 'refused') return result;
        states.forEach((state, index) => state.assign(results[index] as Tensor));
        return {
          kind: 'averaged',
          items: result.items.map(({ isFinite, hasMoved }, index) => {
            const { average, residual } = items[index] as VariableItem;
            const moved = { average, isFinite, hasMoved };
            return residual === undefined ? moved : { ...moved, residual };
          }),
        };
      } finally {
        // The variables refer to the contents, if the update is made.
        tf.dispose(results);
      }
    },
  };
}

function statesOf({ average, residual }: VariableItem): readonly Variable[] {
  return residual === undefined ? [average] : [average, residual];
}

/** Whether a known update gives what it must. */
function updatesRight(tf: TensorFlow, storage: Storage): boolean {
  const [average, live] = [
    [1, 2, 3, 4, 5],
    [5, 2, 1, -4, 7],
  ].map((data) =>
    storage.hold({ dtype: 'float32', shape: [5], data: Float32Array.from(data) }),
  ) as [Variable, Variable];
  try {
    void storage.average([{ average, live, weight: 0.25 }], false);
    const found = average.dataSync();
    return [2, 2, 2.5, 2, 5.5].every((value, index) => value === found[index]);
  } finally {
    tf.dispose([average, live]);
  }
}
