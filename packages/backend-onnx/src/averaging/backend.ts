// ONNX Runtime as a backend of weight averaging.
import type { Backend, CompensatedAverages, DType, HostTensor, Parameter } from '@polyak/core';
import { isFloating } from '@polyak/core';
import type { Tensor } from 'onnxruntime-node';
import type { OnnxDType } from '../dtype.js';
import { specOf } from '../dtype.js';
import { Ledger, requireUsable } from './ledger.js';
import { openProvider } from '../open-provider.js';
import type { Ort } from '../ort.js';
import type { ExecutionProvider } from '../sessions.js';
import type { States } from './storage.js';
import { swap } from './swap.js';

/** What {@link onnxBackend} is told. */
export interface OnnxBackendOptions {
  /** Where averages are computed: the first of these that can be had. `['cpu']` unless given. */
  readonly executionProviders?: readonly ExecutionProvider[];
}

/** What a backend keeps alive. */
export interface OnnxMemory {
  /** The tensors that it made and that were not disposed of. */
  readonly tensors: number;
  /** Its sessions, which are made when they are first needed. */
  readonly sessions: number;
}

/** A {@link Backend} of ORT's tensors. Release it when the averages are no longer needed. */
export interface OnnxBackend extends Backend<Tensor> {
  /** `onnx:` and the provider that computes. */
  readonly name: `onnx:${ExecutionProvider}`;
  upload(tensors: readonly HostTensor[]): Promise<readonly Tensor[]>;
  download(tensors: readonly Tensor[]): Promise<readonly HostTensor[]>;
  clone(tensors: readonly Tensor[]): Promise<readonly Tensor[]>;
  cast(tensors: readonly Tensor[], dtypes: readonly DType[]): Promise<readonly Tensor[]>;
  allFinite(tensors: readonly Tensor[]): Promise<readonly boolean[]>;
  average(
    averages: readonly Tensor[],
    live: readonly Tensor[],
    weight: number,
  ): Promise<readonly Tensor[]>;
  averageCompensated(
    averages: readonly Tensor[],
    residuals: readonly Tensor[],
    live: readonly Tensor[],
    weight: number,
  ): Promise<CompensatedAverages<Tensor>>;
  swap(
    parameters: readonly Parameter<Tensor>[],
    tensors: readonly Tensor[],
  ): Promise<readonly Tensor[]>;
  dispose(tensors: readonly Tensor[]): void;
  /** What it keeps alive now. */
  memory(): OnnxMemory;
  /** Releases the sessions. Later calls but `dispose` are refused; tensors stay their owners'. */
  release(): Promise<void>;
}

/**
 * ONNX Runtime, as a backend of weight averaging.
 *
 * Live tensors are whatever the model is fed; a swap exchanges handles. On `cpu` and `cuda` they
 * lie in host memory and averages are updated in place; on `webgpu` they lie in GPU buffers, as
 * sessions with `preferredOutputLocation: 'gpu-buffer'` give them. Averages of float16 tensors are
 * float32. Whoever wants to keep what a parameter holds clones it: a swap hands the tensor on, and
 * averaging writes into it.
 *
 * @param ort - ONNX Runtime
 * @param options - where to compute
 * @returns the backend, named after the provider that it runs on
 * @throws PolyakError `ERR_UNSUPPORTED` where none of the providers can be had, with the reason of
 * each
 * @throws RangeError for an empty list, and for a provider that this package does not know
 *
 * @example
 * ```ts
 * import * as ort from 'onnxruntime-node';
 * import { observedOptimizer, SWA } from '@polyak/core';
 * import { onnxBackend, onnxParameter } from '@polyak/backend-onnx';
 *
 * const weight = onnxParameter('weight', new ort.Tensor('float32', [0, 0], [2]));
 * const backend = await onnxBackend(ort);
 * const swa = new SWA(observedOptimizer([{ params: [weight], lr: 0.1 }]), { backend });
 *
 * for (const value of [1, 2, 6]) {
 *   weight.set(new ort.Tensor('float32', [value, value], [2])); // an optimizer's step
 *   await swa.updateSwa();
 * }
 * await swa.swapSwaSgd();
 * console.log(backend.name, [...weight.get().data]); // onnx:cpu [3, 3]
 * await backend.release();
 * ```
 *
 * @see https://onnxruntime.ai/docs/api/js/
 */
export async function onnxBackend(
  ort: Ort,
  { executionProviders = ['cpu'] }: OnnxBackendOptions = {},
): Promise<OnnxBackend> {
  const { provider, sessions, storage } = await openProvider(ort, executionProviders);
  const name = `onnx:${provider}` as const;
  const ledger = new Ledger();
  const place = { name, place: storage.place, holds: storage.holds };

  function require(call: string, ...lists: readonly (readonly Tensor[])[]): void {
    sessions.requireOpen(call);
    for (const tensors of lists) requireUsable(call, tensors, place);
  }

  /** The moved states, those that are new handles in place of the old. */
  async function update(states: States, live: readonly Tensor[], weight: number): Promise<States> {
    const moved = await storage.update(states, live, weight);
    const old = states.flat();
    moved.flat().forEach((tensor, index) => {
      const before = old[index];
      if (before === undefined || before === tensor) return;
      ledger.add([tensor]);
      ledger.dispose(before);
    });
    return moved;
  }

  return {
    specVersion: 1,
    name,
    dtypes: storage.dtypes,
    spec: specOf,

    async upload(tensors) {
      require('upload');
      return ledger.add(await storage.hold(tensors));
    },

    async download(tensors) {
      require('download', tensors);
      return storage.read(tensors);
    },

    async clone(tensors) {
      require('clone', tensors);
      return ledger.add(await storage.clone(tensors));
    },

    async cast(tensors, dtypes) {
      require('cast', tensors);
      return ledger.add(await storage.cast(tensors, dtypes as readonly OnnxDType[]));
    },

    async allFinite(tensors) {
      require('allFinite', tensors);
      const questionable = tensors.filter(
        (tensor) => isFloating(specOf(tensor).dtype) && tensor.size > 0,
      );
      const answers = await storage.allFinite(questionable);
      const bad = new Set(questionable.filter((_, index) => answers[index] !== true));
      return tensors.map((tensor) => !bad.has(tensor));
    },

    async average(averages, live, weight) {
      require('average', averages, live);
      return (await update([averages], live, weight))[0];
    },

    async averageCompensated(averages, residuals, live, weight) {
      require('averageCompensated', averages, residuals, live);
      const [sums, errors = []] = await update([averages, residuals], live, weight);
      return { averages: sums, residuals: errors };
    },

    async swap(parameters, tensors) {
      require('swap', tensors);
      const held = parameters.map((parameter) => parameter.get());
      requireUsable('swap', held, place, (index) => `"${parameters[index]?.name}"`);
      return swap(parameters, tensors);
    },

    dispose(tensors) {
      for (const tensor of tensors) ledger.dispose(tensor);
    },

    memory: () => ({ tensors: ledger.count, sessions: sessions.count }),

    async release() {
      await sessions.release();
    },
  };
}
