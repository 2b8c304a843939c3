// The CPU backend: averages in host memory, by a WebAssembly kernel where the runtime has one. It checks whole lists
// before it writes, so that a call either does all of its work or none.
import type { Backend, CompensatedAverages, HostTensor, Parameter, TensorSpec } from '@polyak/core';
import { arrayOf, isFloating, PolyakError } from '@polyak/core';
import type { ArenaLimits } from './kernel/arena.js';
import { copyBytes } from './bytes.js';
import {
  DTYPES,
  floatDType,
  pairs,
  requireDisjoint,
  requireSameSpec,
  requireWellFormed,
} from './checks.js';
import type { Engine } from './kernel/engine.js';
import { JsEngine } from './kernel/js-engine.js';
import type { CpuMemory } from './ledger.js';
import { disposed, Ledger } from './ledger.js';
import { swapAll } from './swap.js';
import { WasmEngine } from './kernel/wasm-engine.js';

/** Options of {@link cpuBackend}. */
export interface CpuBackendOptions {
  /**
   * `wasm` is the default where WebAssembly with SIMD is available, `js` elsewhere. Results are the same to the bit (but
   * for which NaN a NaN is).
   */
  readonly kernel?: 'wasm' | 'js';
}

/**
 * The CPU backend. Its tensors are {@link HostTensor}s: any may be passed in, as an average too, and those it made itself
 * are the fastest averages. They are views of one large buffer, so `download` what is to be cloned or sent to a worker.
 * All methods but `swap` are synchronous.
 */
export interface CpuBackend extends Backend<HostTensor> {
  readonly name: 'cpu:wasm' | 'cpu:js';
  upload(tensors: readonly HostTensor[]): readonly HostTensor[];
  download(tensors: readonly HostTensor[]): readonly HostTensor[];
  clone(tensors: readonly HostTensor[]): readonly HostTensor[];
  allFinite(tensors: readonly HostTensor[]): readonly boolean[];
  average(
    averages: readonly HostTensor[],
    live: readonly HostTensor[],
    weight: number,
  ): readonly HostTensor[];
  averageCompensated(
    averages: readonly HostTensor[],
    residuals: readonly HostTensor[],
    live: readonly HostTensor[],
    weight: number,
  ): CompensatedAverages<HostTensor>;
  swap(
    parameters: readonly Parameter<HostTensor>[],
    tensors: readonly HostTensor[],
  ): Promise<readonly HostTensor[]>;
  /** Frees tensors that this backend made; others are the garbage collector's, and left alone. */
  dispose(tensors: readonly HostTensor[]): void;
  /** What the tensors made and not yet disposed of amount to. */
  memory(): CpuMemory;
}

/**
 * Averages in host memory: `average += weight * (live - average)`, each operation rounded to the tensors' dtype. Float32
 * and float64 are averaged; integers and bool are carried along.
 *
 * Tensors that the backend makes lie in WebAssembly memory, which keeps what was once used for the next tensors; it goes
 * when the backend and its tensors are collected.
 *
 * @param options - which kernel
 * @returns the backend; methods throw a {@link PolyakError} `ERR_DISPOSED` for a tensor that was disposed of
 * @throws PolyakError `ERR_UNSUPPORTED` where `wasm` is asked for and the runtime lacks it
 */
export function cpuBackend(options: CpuBackendOptions = {}): CpuBackend {
  return backendOn(engineFor(options.kernel));
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

function engineFor(kernel: 'wasm' | 'js' | undefined): Engine {
  if (kernel === 'js') {
    return new JsEngine();
  }
  try {
    return new WasmEngine();
  } catch (cause) {
    if (kernel === undefined) {
      return new JsEngine();
    }
    throw new PolyakError(
      'ERR_UNSUPPORTED',
      `cpuBackend: this runtime cannot run the WebAssembly kernel (${String(cause)}). Pass { ` +
        "kernel: 'js' }.",
      { cause },
    );
  }
}

function backendOn(engine: Engine): CpuBackend {
  const ledger = new Ledger();

  function requireUsable(call: string, tensors: readonly HostTensor[]): void {
    for (const tensor of tensors) {
      ledger.requireLive(call, tensor);
      requireWellFormed(call, tensor);
    }
  }

  function copies(call: string, tensors: readonly HostTensor[]): readonly HostTensor[] {
    requireUsable(call, tensors);
    const room = engine.allocate(tensors.map(({ dtype, data: { length } }) => ({ dtype, length })));
    return pairs(call, tensors, room).map(([{ dtype, shape, data }, copy]) => {
      copyBytes(copy, data);
      ledger.add(copy);
      return { dtype, shape: [...shape], data: copy };
    });
  }

  return {
    specVersion: 1,
    name: engine.name,
    dtypes: DTYPES,

    spec: ({ dtype, shape }): TensorSpec => ({ dtype, shape }),

    identity: ({ data }) => data,

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

    allFinite(tensors) {
      requireUsable('allFinite', tensors);
      return tensors.map(
        (tensor) =>
          !isFloating(tensor.dtype) ||
          engine.allFinite(floatDType('allFinite', tensor), tensor.data),
      );
    },

    average(averages, live, weight) {
      requireUsable('average', averages);
      requireUsable('average', live);
      const work = pairs('average', averages, live).map(([average, value]) => {
        requireSameSpec('average', 'a live tensor', average, value);
        return { dtype: floatDType('average', average), average: average.data, live: value.data };
      });
      for (const item of work) {
        engine.average(item.dtype, item.average, item.live, weight);
      }
      return averages;
    },

    averageCompensated(averages, residuals, live, weight) {
      const call = 'averageCompensated';
      requireUsable(call, averages);
      requireUsable(call, residuals);
      requireUsable(call, live);
      const work = pairs(call, pairs(call, averages, residuals), live).map(
        ([[average, residual], value]) => {
          requireSameSpec(call, 'a residual', average, residual);
          requireSameSpec(call, 'a live tensor', average, value);
          const dtype = floatDType(call, average);
          return { dtype, average: average.data, residual: residual.data, live: value.data };
        },
      );
      for (const item of work) {
        engine.averageCompensated(item.dtype, item.average, item.residual, item.live, weight);
      }
      return { averages, residuals };
    },

    async swap(parameters, tensors) {
      const items = pairs('swap', parameters, tensors).map(([parameter, tensor]) => ({
        parameter,
        live: parameter.get(),
        tensor,
      }));
      for (const { parameter, live, tensor } of items) {
        requireUsable('swap', [live, tensor]);
        requireSameSpec('swap', `"${parameter.name}"`, tensor, live);
      }
      requireDisjoint(items);
      await swapAll(items);
      return tensors;
    },

    dispose(tensors) {
      const mine = new Set<HostTensor['data']>();
      for (const tensor of tensors) {
        ledger.requireLive('dispose', tensor);
        if (mine.has(tensor.data)) {
          throw disposed('dispose', tensor);
        }
        if (ledger.has(tensor.data)) {
          mine.add(tensor.data);
        }
      }
      for (const data of mine) {
        ledger.remove(data);
        engine.free(data);
      }
    },

    memory: () => ledger.memory,
  };
}
