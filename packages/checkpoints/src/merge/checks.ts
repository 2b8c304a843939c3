// What a merge is refused for before anything is read: numbers of checkpoints, options, dtypes.
import { PolyakError } from '@polyak/core';
import type { StoredDType } from '@polyak/safetensors';
import type { Checkpoint } from '../checkpoint.js';
import type { NamedTensors } from '../names/rules.js';
import type { OutputDType } from './float-dtypes.js';
import { isMergeable } from './float-dtypes.js';
import type { LinearMerge } from './linear.js';
import type { MergeMethod } from './method.js';

/** What happens to numbers that are not finite. */
export type NonFinitePolicy = 'refuse' | 'skip' | 'propagate';

/** Throws where a method takes another number of models, or another base model. */
export function checkCount(
  method: LinearMerge | MergeMethod,
  count: number,
  base: Checkpoint | undefined,
): void {
  const models = (n: number): string => (n === 1 ? '1 checkpoint' : `${n} checkpoints`);
  const { name } = method;
  if (method.kind === 'linear') {
    if (base !== undefined) throw noBase(name);
    if (count > 0 && method.weights.length === count) return;
    throw new RangeError(
      `planMerge: there are ${method.weights.length} weights for ${models(count)}, expected one ` +
        'for each.',
    );
  }
  const { needsBase } = method;
  const { least, most } = method.models;
  if (count < least || count > most) {
    const expected = least === most ? `${least}` : `${least} to ${most}`;
    throw new RangeError(`planMerge: ${name} merges ${expected} models, found ${models(count)}.`);
  }
  if (needsBase === (base !== undefined)) return;
  if (!needsBase) throw noBase(name);
  throw new RangeError(
    `planMerge: ${name} needs a base model, the one that the others were trained from.`,
  );
}

function noBase(name: string): RangeError {
  return new RangeError(
    `planMerge: ${name} has no base model. Leave it out, or choose another method.`,
  );
}

/** Throws where a method does not have an option. */
export function checkOptions(
  method: LinearMerge | MergeMethod,
  rows: readonly string[],
  nonFinite: NonFinitePolicy,
): void {
  if (method.kind === 'linear') return;
  if (rows.length === 0 && nonFinite === 'refuse') return;
  throw new RangeError(
    `planMerge: ${method.name} needs every element of every model, finite. Rows that only some ` +
      'have, and numbers that are not finite, can be merged by weighted sums.',
  );
}

/** Throws where a tensor is neither a float that can be merged nor an integer. */
export function requireMergeable(
  tensors: NamedTensors['tensors'],
  dtype: OutputDType | undefined,
): void {
  const odd = [...tensors].filter(([, place]) => {
    return !isCopied(place.dtype) && !canMerge(place.dtype, dtype);
  });
  const [first] = odd;
  if (first === undefined) return;
  const [name, place] = first;
  const others = odd.length > 1 ? ` and ${odd.length - 1} more` : '';
  const remedy = isMergeable(place.dtype)
    ? 'Sums are not rounded to it: choose another dtype for the output.'
    : 'Exclude it: it is copied from the last checkpoint then.';
  throw new PolyakError(
    'ERR_MISMATCH',
    `planMerge: "${name}"${others} has the dtype ${place.dtype}, which cannot be merged. ${remedy}`,
  );
}

function canMerge(from: StoredDType, to: OutputDType | undefined): boolean {
  return isMergeable(from) && (to !== undefined || !from.startsWith('float8'));
}

const COPIED: ReadonlySet<string> = new Set([
  'int64',
  'int32',
  'int16',
  'int8',
  'uint64',
  'uint32',
  'uint16',
  'uint8',
  'bool',
]);

/** Whether tensors of a dtype are compared, and taken from the last checkpoint. */
function isCopied(dtype: StoredDType): boolean {
  return COPIED.has(dtype);
}
