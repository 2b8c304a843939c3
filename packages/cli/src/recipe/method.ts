// The method that a recipe names, with its options.
import { methodOf } from '@polyak/checkpoints/methods';
import type { LinearMerge } from '@polyak/checkpoints';
import type { MergeMethod } from '@polyak/checkpoints/methods';
import { requireOptions } from '@polyak/core/kit';
import * as v from 'valibot';
import { requireOldestFirst } from '../arguments/order.js';
import { DECAYS, linearMerge } from '../arguments/weights.js';
import type { WrittenRecipe } from './schema.js';

const linearOptions = v.object({
  normalize: v.exactOptional(v.boolean(), true),
  decay: v.exactOptional(v.picklist(DECAYS)),
  ema: v.exactOptional(v.number()),
});

/**
 * The method of a recipe.
 *
 * @param recipe - checked
 * @throws Error where the method is unknown, or its options or weights do not fit
 */
export function recipeMethod({
  inputs,
  method,
  options,
}: WrittenRecipe): LinearMerge | MergeMethod {
  const given = inputs.map((input) => (typeof input === 'string' ? undefined : input.weight));
  if ('weights' in options) {
    throw new RangeError('weights stand with the inputs: { path: a.safetensors, weight: 2 }.');
  }
  // One that is not given is that of a plain sum.
  const weights = given.some((weight) => weight !== undefined)
    ? given.map((weight) => weight ?? 1)
    : undefined;
  if (method !== 'linear') return methodOf(method, { ...options, ...(weights && { weights }) });
  requireOptions('linear', options, Object.keys(linearOptions.entries));
  const checked = v.safeParse(linearOptions, options);
  if (!checked.success) {
    const [issue] = checked.issues;
    throw new RangeError(
      `linear: "${v.getDotPath(issue) ?? ''}" is ${issue.received}. Expected ` +
        'normalize: a boolean, decay: linear, cosine or minus-sqrt, or ema: a number.',
    );
  }
  const { normalize, decay, ema } = checked.output;
  const ways = [weights, decay, ema].filter((way) => way !== undefined);
  if (ways.length > 1) throw new RangeError('there are several of weights, decay and ema.');
  const paths = inputs.map((input) => (typeof input === 'string' ? input : input.path));
  if (decay !== undefined) requireOldestFirst('decay', paths);
  if (ema !== undefined) requireOldestFirst('ema', paths);
  return linearMerge({ weights, normalize, decay, ema }, inputs.length);
}
