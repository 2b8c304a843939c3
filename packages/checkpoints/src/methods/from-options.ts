// Methods by name, as recipes and commands give them.
import { requireOptions } from '@polyak/core/kit';
import type { MergeMethod } from '../merge/method.js';
import { dare } from './dare.js';
import type { DareOptions } from './dare.js';
import { modelStock } from './model-stock.js';
import { slerp } from './slerp.js';
import { taskArithmetic } from './task-arithmetic.js';
import { ties } from './ties.js';
import type { TiesOptions } from './ties.js';

/** The names of the methods, see {@link methodOf}. */
export const METHODS: readonly string[] = [
  'slerp',
  'task-arithmetic',
  'ties',
  'dare',
  'model-stock',
];

/**
 * A method of merging from its name and its options, which may come from a file: they are checked.
 * What {@link MergeMethod.name} and {@link MergeMethod.options} hold makes the same method again.
 *
 * @param name - one of {@link METHODS}
 * @param options - `{ t }` of slerp, or what the method takes. Default none
 * @returns the method
 * @throws TypeError if an option is unknown, missing or of another type, RangeError if the method
 *   is unknown or an option is out of its range
 *
 * @example
 * ```ts
 * import { methodOf } from '@polyak/checkpoints/methods';
 *
 * const method = methodOf('ties', { density: 0.2 });
 * console.log(JSON.stringify(method.options)); // {"density":0.2,"elect":"sum","lambda":1}
 * ```
 */
export function methodOf(
  name: string,
  options: Readonly<Record<string, unknown>> = {},
): MergeMethod {
  switch (name) {
    case 'slerp':
      return slerp(requireOptions('slerp', options, ['t'])['t'] as number);
    case 'task-arithmetic':
      return taskArithmetic(options);
    case 'ties':
      return ties(options as unknown as TiesOptions);
    case 'dare':
      return dare(options as unknown as DareOptions);
    case 'model-stock':
      requireOptions('model-stock', options, []);
      return modelStock();
    default:
      throw new RangeError(
        `methodOf: there is no method ${shown(name)}. Expected one of ${METHODS.join(', ')}.`,
      );
  }
}

function shown(name: unknown): string {
  return typeof name === 'string' ? `"${name}"` : `of type ${typeof name}`;
}
