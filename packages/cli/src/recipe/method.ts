// The method that a recipe names, with its options.
import { methodOf } from '@polyak/checkpoints/methods';
import type { LinearMerge } from '@polyak/checkpoints';
import type { MergeMethod } from '@polyak/checkpoints/methods';
import * as v from 'valibot';
import { DECAYS, linearMerge } from '../arguments/weights.js';
import type { WrittenRecipe } from './schema.js';

const linearOptions = v.strictObject({
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
  // One that is not given is that of a plain sum.
  const weights = given.some((weight) => weight !== undefined)
    ? given.map((weight) => weight ?? 1)
    : undefined;
  if (method !== 'linear') return methodOf(method, { ...options, ...(weights && { weights }) });
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
  return linearMerge({ weights, normalize, decay, ema }, inputs.length);
}
