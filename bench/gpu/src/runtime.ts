// What the measurements need of a runtime on WebGPU.
import type { BackendHarness } from '@polyak/core/conformance';
import type {
  Awaitable,
  Backend,
  BatchNormModel,
  Optimizer,
  Parameter,
} from '@polyak/core/interfaces';

/** The names of the runtimes. */
export const RUNTIMES = ['onnx', 'gpujs', 'tfjs'] as const;

export type RuntimeName = (typeof RUNTIMES)[number];

/** A runtime on WebGPU. `T` is its tensor, `Batch` what its batch norm reads. */
export interface GpuRuntime<T, Batch> {
  /** The packages that compute, each with its version. */
  readonly versions: Readonly<Record<string, string>>;
  readonly backend: Backend<T>;
  /** What the conformance suite runs with. */
  harness(): Awaitable<BackendHarness<T>>;
  /** A live float32 weight in memory of the device, `fill` in every element. */
  weight(elements: number, fill: number): Promise<Held<Parameter<T>>>;
  /** The device's own copy of so many float32 elements, from a buffer into another. */
  copy(elements: number): Promise<Held<Work>>;
  /** Waits until the device has done all work that it was given. */
  finish(): Promise<void>;
  /** What the training step trains, in a few words. */
  readonly trained: string;
  /** A network with a batch of `samples` images of 28 × 28. */
  network(samples: number): Promise<Held<Network<T, Batch>>>;
}

/** Work for the device. It may still be running when the call returns. */
export type Work = () => Awaitable<unknown>;

/** A value and how to free what it holds. */
export interface Held<Value> {
  readonly value: Value;
  release(): Awaitable<void>;
}

/** A network and a batch. */
export interface Network<T, Batch> {
  readonly optimizer: Optimizer<T>;
  /** One training step on the batch. */
  readonly minimize: Work;
  readonly batchNorm: BatchNormModel<Batch>;
  readonly batch: Batch;
  /** One forward pass in inference over the batch. */
  readonly forward: Work;
}

/** A runtime whose tensors are its own affair. */
export type AnyRuntime = GpuRuntime<unknown, unknown>;

/** Opens a runtime. Nothing of any other is loaded. */
export async function openRuntime(name: RuntimeName): Promise<AnyRuntime> {
  if (name === 'onnx') return (await import('./runtimes/onnx.js')).onnxRuntime();
  const { startDawn } = await import('./dawn.js');
  // tfjs registers webgpu when it is imported, if there is a navigator.gpu.
  startDawn();
  if (name === 'gpujs') return (await import('./runtimes/gpujs.js')).gpujsRuntime();
  return (await import('./runtimes/tfjs.js')).tfjsRuntime();
}
