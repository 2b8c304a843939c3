// The CPU backend: averages in host memory, by a WebAssembly kernel where the runtime has one.
import type {
  AverageItem,
  AverageOptions,
  AverageResult,
  Backend,
  HostTensor,
  TensorSpec,
} from '@polyak/core/interfaces';
import { arrayOf, isFloating } from '@polyak/core/interfaces';
import type { LedgerMemory } from '@polyak/core/kit';
import { ledger, swapAll } from '@polyak/core/kit';
import { copyBytes } from './bytes.js';
import type { ArenaLimits } from './kernel/arena.js';
import { chooseEngine } from './kernel/choose-engine.js';
import type { Engine, FloatArray } from './kernel/engine.js';
import { WasmEngine } from './kernel/wasm-engine.js';
import { DTYPES, floatsOf, requireSpec, requireWellFormed } from './tensors.js';
import type { UpdateItem } from './update.js';
import { updated } from './update.js';
import { updatedInPlace } from './update-in-place.js';

/** Options of {@link cpuBackend} and {@link inPlaceCpuBackend}. */
export interface CpuBackendOptions {
  /**
   * `wasm` is the default where WebAssembly with SIMD is available, `js` elsewhere. Results are the
   * same to the bit (but for which NaN a NaN is).
   */
  readonly kernel?: 'wasm' | 'js';
}

/**
 * The CPU backend. Its tensors are {@link HostTensor}s; it takes any, also as averages. Tensors
 * that it makes are views of one large buffer: `download` them before they are cloned or sent to a
 * worker. All methods are synchronous; `swap` too where every `set` is.
 */
export interface CpuBackend extends Backend<HostTensor> {
  readonly name: 'cpu:wasm' | 'cpu:js';
  upload(tensors: readonly HostTensor[]): readonly HostTensor[];
  download(tensors: readonly HostTensor[]): readonly HostTensor[];
  hostViews(tensors: readonly HostTensor[]): readonly HostTensor[];
  clone(tensors: readonly HostTensor[]): readonly HostTensor[];
  allFinite(tensors: readonly HostTensor[]): readonly boolean[];
  /**
   * The results are in new tensors, and the memory of the old ones is used for later tensors; those
   * of {@link inPlaceCpuBackend} are in the old ones.
   */
  average(
    items: readonly AverageItem<HostTensor>[],
    options?: AverageOptions,
  ): AverageResult<HostTensor>;
  /** Frees tensors that this backend made, and ignores others. */
  dispose(tensors: readonly HostTensor[]): void;
  /**
   * The memory of tensors that are not yet disposed of, without what is kept for later tensors.
   */
  memory(): LedgerMemory;
}

/**
 * Averages in host memory: `average + weight * (live - average)`, each operation rounded to the
 * tensors' dtype; where that overflows, `(1 - weight) * average + weight * live`. Float32 and
 * float64 are averaged; integers and bool are copied.
 *
 * Tensors that the backend makes lie in WebAssembly memory. Freed memory is kept for the next
 * tensors; all of it is released when the backend and its tensors are garbage-collected.
 *
 * @param options - which kernel
 * @returns the backend; methods throw a `PolyakError` `ERR_DISPOSED` for a tensor that was disposed
 *   of, or consumed by an update
 * @throws PolyakError `ERR_UNSUPPORTED` where `wasm` is asked for and the runtime lacks it
 * @throws TypeError where the options are no object, or one of them is not known; RangeError for
 *   another kernel
 */
export function cpuBackend(options: CpuBackendOptions = {}): CpuBackend {
  return backendOn(chooseEngine('cpuBackend', options));
}

/**
 * The CPU backend for where memory is short. It checks that everything is finite first, and then
 * overwrites the averages: there is no second copy of them, and an update takes about twice as
 * long. Its results are those of {@link cpuBackend}, bit for bit.
 *
 * @param options - which kernel
 * @returns the backend
 * @throws PolyakError `ERR_UNSUPPORTED` where `wasm` is asked for and the runtime lacks it
 * @throws TypeError where the options are no object, or one of them is not known; RangeError for
 *   another kernel
 */
export function inPlaceCpuBackend(options: CpuBackendOptions = {}): CpuBackend {
  return backendOn(chooseEngine('inPlaceCpuBackend', options), updatedInPlace);
}

/**
 * The same with shards of other sizes.
 *
 * @param limits - sizes of the arena's shards
 * @returns the backend
 * @internal
 */
export function shardedCpuBackend(limits: ArenaLimits): CpuBackend {
  return backendOn(new WasmEngine(limits));
}

function backendOn(engine: Engine, inPlace?: typeof updatedInPlace): CpuBackend {
  const { memory } = engine;
  // By typed array and not by tensor, so that a copy of the record is the same tensor.
  const made = ledger<HostTensor>(
    ({ data }) => data,
    (tensor) => tensor,
  );

  function requireUsable(call: string, tensors: readonly HostTensor[]): void {
    made.requireAlive(call, tensors);
    for (const tensor of tensors) requireWellFormed(call, tensor);
  }

  function floatsToAverage(what: string, tensor: HostTensor, expected: HostTensor): FloatArray {
    requireWellFormed('average', tensor);
    requireSpec('average', what, tensor, expected);
    return floatsOf('average', tensor);
  }

  function copies(call: string, tensors: readonly HostTensor[]): readonly HostTensor[] {
    requireUsable(call, tensors);
    const room = memory.allocate(tensors.map(({ dtype, data: { length } }) => ({ dtype, length })));
    return made.add(
      tensors.map(({ dtype, shape, data }, index) => {
        const copy = room[index] as HostTensor['data'];
        copyBytes(copy, data);
        return { dtype, shape: [...shape], data: copy };
      }),
    );
  }

  function dispose(call: string, tensors: readonly HostTensor[]): void {
    for (const { data } of made.release(call, tensors)) memory.free(data);
  }

  function updateItem({ average, residual, live, weight }: AverageItem<HostTensor>): UpdateItem {
    return {
      average: floatsToAverage('an average', average, average),
      residual:
        residual === undefined ? undefined : floatsToAverage('a residual', residual, average),
      live: floatsToAverage('a live tensor', live, average),
      weight,
    };
  }

  return {
    specVersion: 1,
    name: engine.name,
    dtypes: DTYPES,
    isSynchronous: true,
    canCompensate: true,

    spec: ({ dtype, shape }): TensorSpec => ({ dtype, shape }),

    upload: (tensors) => copies('upload', tensors),

    clone: (tensors) => copies('clone', tensors),

    download(tensors) {
      requireUsable('download', tensors);
      return tensors.map(({ dtype, shape, data }) => {
        const copy = new (arrayOf(dtype))(data.length);
        copyBytes(copy, data);
        return { dtype, shape: [...shape], data: copy };
      });
    },

    hostViews(tensors) {
      requireUsable('hostViews', tensors);
      return tensors;
    },

    allFinite(tensors) {
      requireUsable('allFinite', tensors);
      return tensors.map(
        (tensor) => !isFloating(tensor.dtype) || engine.allFinite(floatsOf('allFinite', tensor)),
      );
    },

    average(items, { allowNonFinite = false } = {}) {
      const consumed = statesOf(items);
      made.requireAlive('average', consumed);
      made.requireAlive(
        'average',
        items.map(({ live }) => live),
      );
      const updates = items.map(updateItem);
      const result =
        inPlace === undefined
          ? updated(engine, memory, updates, allowNonFinite)
          : inPlace(engine, updates, allowNonFinite);
      if (result.kind === 'refused') return result;
      const averaged = result.items.map(({ average, residual, isFinite, hasMoved }, index) => {
        const { dtype, shape } = (items[index] as AverageItem<HostTensor>).average;
        const tensor = { dtype, shape, data: average };
        if (residual === undefined) return { average: tensor, isFinite, hasMoved };
        return { average: tensor, residual: { dtype, shape, data: residual }, isFinite, hasMoved };
      });
      if (inPlace !== undefined) return { kind: 'averaged', items: averaged };
      made.add(statesOf(averaged));
      const free = made.release('average', consumed);
      memory.keep(free.map((tensor) => floatsOf('average', tensor)));
      return { kind: 'averaged', items: averaged };
    },

    swap: (parameters, tensors) => {
      requireUsable('swap', tensors);
      const operations = {
        hold: (held: readonly HostTensor[]) => copies('swap', held),
        dispose: (held: readonly HostTensor[]) => dispose('swap', held),
      };
      return swapAll(operations, parameters, tensors);
    },

    dispose: (tensors) => dispose('dispose', tensors),

    memory: () => made.memory(),
  };
}

/** The averages and residuals of an update. */
function statesOf(
  items: readonly { readonly average: HostTensor; readonly residual?: HostTensor }[],
): readonly HostTensor[] {
  const states: HostTensor[] = [];
  for (const { average, residual } of items) {
    states.push(average);
    if (residual !== undefined) states.push(residual);
  }
  return states;
}
