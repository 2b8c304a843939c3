// The types of this package's backends: core's interface, `memory` and `release`.
import type { Awaitable, Backend, DType } from '@polyak/core/interfaces';
import type { Tensor } from 'onnxruntime-node';

/** Where averages are computed. */
export type AveragingProvider = 'cpu' | 'webgpu';

/** The tensors and sessions of a backend. */
export interface OnnxMemory {
  /** Tensors that it made and that are still held. */
  readonly tensors: number;
  /** Its sessions, which are made when they are first needed; none on `cpu`. */
  readonly sessions: number;
}

/** A {@link Backend} of ORT's tensors. Release it when the averages are no longer needed. */
export interface OnnxBackend extends Backend<Tensor> {
  /** `onnx:` and the provider that computes. */
  readonly name: `onnx:${AveragingProvider}`;
  cast(tensors: readonly Tensor[], dtypes: readonly DType[]): Awaitable<readonly Tensor[]>;
  dispose(tensors: readonly Tensor[]): void;
  /** What it keeps alive now. */
  memory(): OnnxMemory;
  /** Releases the sessions. Later calls but `dispose` are refused; tensors stay their owners'. */
  release(): Promise<void>;
}
