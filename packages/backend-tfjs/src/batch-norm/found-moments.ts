// The moments that a forward pass found: those that bnUpdate reads, and those that a layer
// normalises by.
import type { Awaitable, Moments } from '@polyak/core/interfaces';
import type { Tensor1D } from '@tensorflow/tfjs-core';

/** Moments that may still be on the device. */
export interface FoundMoments {
  read(): Awaitable<Moments>;
  /** Frees the tensors that hold them. */
  dispose(): void;
}

/** What a layer normalises by: one value for each channel. */
export interface ChannelStatistics {
  readonly mean: Tensor1D;
  readonly variance: Tensor1D;
}
