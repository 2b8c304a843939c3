// A weight of a model.
import type { Parameter } from '@polyak/core/interfaces';
import type { TemplateTensor } from './tensor.js';
import { unwritten } from './unwritten.js';

/**
 * A weight of a model. A swap copies into its memory.
 *
 * @param name - unique within the model and stable between runs
 * @param tensor - the weight; its memory stays the model's
 * @returns the parameter; two over one memory are the same weight
 */
export function templateParameter(name: string, tensor: TemplateTensor): Parameter<TemplateTensor> {
  return {
    name,
    identity: tensor.handle,
    get: () => tensor,
    set: () => unwritten('set', 'Copy the elements into the memory that the model computes with.'),
  };
}
