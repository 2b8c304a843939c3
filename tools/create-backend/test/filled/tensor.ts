// The template's tensors, as arrays in host memory.
import type { HostArray, TensorSpec } from '@polyak/core/interfaces';

/** A tensor. */
export interface TemplateTensor extends TensorSpec {
  /** The elements. */
  readonly handle: HostArray;
}
