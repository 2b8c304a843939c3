// The template's parameters, in plain JavaScript.
import type { Parameter } from '@polyak/core/interfaces';
import type { TemplateTensor } from './tensor.js';

/** A weight of a model. A swap copies into its memory. */
export function templateParameter(name: string, tensor: TemplateTensor): Parameter<TemplateTensor> {
  return {
    name,
    identity: tensor.handle,
    get: () => tensor,
    set: ({ handle }) => tensor.handle.set(handle as never),
  };
}
