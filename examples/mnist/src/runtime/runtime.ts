// What the demo needs of a tensor runtime. The run itself is in training/, and is the same
// on each of them.
import type { AveragedBatchNorm } from '@polyak/core';
import type { Backend, Optimizer } from '@polyak/core/interfaces';

import type { Digits } from '../data/mnist.js';
import type { BackendName, Score } from '../run.js';

/** A runtime: `T` is its tensor, `Batch` what the update of its batch norm reads. */
export interface Runtime<T, Batch> {
  /** Averages the weights. Its name says what computes: 'tfjs:wasm', 'onnx:cpu'. */
  readonly backend: Backend<T>;
  /** The version of what computes, by its name. */
  readonly versions: Readonly<Record<string, string>>;
  /** What a saved model is called: a file or a folder, as the runtime has it. */
  readonly modelName: string;
  /**
   * The network of the demo, ready to be trained with SGD and momentum.
   *
   * @param seed - decides its weights
   * @param learningRate - of the first step
   */
  createNetwork(seed: number, learningRate: number): Promise<Network<T, Batch>>;
  /** A model that {@link Network.save} wrote to `path`. */
  loadModel(path: string): Promise<Scored>;
}

/** Something that reads digits. */
interface Scored {
  /** How well it reads `digits`, in inference mode. */
  score(digits: Digits): Promise<Score>;
  /** Frees what it holds. */
  dispose(): Promise<void>;
}

/** A network in training. */
export interface Network<T, Batch> extends Scored {
  /** What `SWA` drives: one group, of all that is trained. */
  readonly optimizer: Optimizer<T>;
  /**
   * One step on a batch, to be taken in the closure of `swa.step`.
   *
   * @returns the loss of the batch before the step, in nats
   */
  minimize(batch: Digits): Promise<number>;
  /** What `bnUpdate` and `withAveraged` need to update batch norm on `digits`. */
  batchNorm(digits: Digits): AveragedBatchNorm<Batch>;
  /** Writes the network as it is now, for inference. */
  save(path: string): Promise<void>;
}

/** A runtime whose tensors are its own affair. */
export type AnyRuntime = Runtime<unknown, unknown>;

/**
 * Loads the runtime that was asked for, and says why a faster one was not taken. Nothing of any
 * other is loaded.
 */
export async function loadRuntime(
  name: BackendName,
  note: (text: string) => void,
): Promise<AnyRuntime> {
  if (name === 'onnx') {
    const { onnxRuntime } = await import('../onnx/runtime.js');
    return onnxRuntime();
  }
  if (name === 'gpujs') {
    const { gpujsRuntime } = await import('../gpujs/runtime.js');
    return gpujsRuntime(note);
  }
  const { tfjsRuntime } = await import('../tfjs/runtime.js');
  return tfjsRuntime(name, note);
}
