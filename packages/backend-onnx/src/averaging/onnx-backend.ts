// The types of this package's backends.
import type { Awaitable, Backend, DType } from '@polyak/core/interfaces';
import type { Tensor } from 'onnxruntime-node';

/** Where averages are computed. */
export type AveragingProvider = 'cpu' | 'webgpu';

/** The tensors and sessions that a backend keeps alive. */
export interface OnnxMemory {
  /** The number of tensors that it made and that somebody still holds. */
  readonly tensors: number;
  /** The number of its sessions, which are made when first needed; 0 on `cpu`. */
  readonly sessions: number;
}

/** A {@link Backend} of ONNX Runtime's tensors. Release it after use. */
export interface OnnxBackend extends Backend<Tensor> {
  /** `onnx:` and the provider. */
  readonly name: `onnx:${AveragingProvider}`;
  cast(tensors: readonly Tensor[], dtypes: readonly DType[]): Awaitable<readonly Tensor[]>;
  dispose(tensors: readonly Tensor[]): void;
  /** The tensors and sessions that are alive now. */
  memory(): OnnxMemory;
  /** Releases the sessions. Afterwards only `dispose` can be called. The tensors stay alive. */
  release(): Promise<void>;
}
