// A tensor of the runtime.
import type { TensorSpec } from '@polyak/core/interfaces';

/** A tensor of the runtime. Replace this by the runtime's own type, if it knows dtype and shape. */
export interface TemplateTensor extends TensorSpec {
  /** What the runtime calls its memory: a buffer, a texture, an array. */
  readonly handle: object;
}
