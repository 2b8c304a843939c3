// What keeps checkpoints from being merged: tensors that only some have, other shapes or dtypes.
import { requireOptions } from '@polyak/core/kit';
import { isMergeable } from '../merge/float-dtypes.js';
import { patternOf } from './pattern.js';
import type { NamedTensors } from './rules.js';

/** A tensor of a checkpoint that differs from that of the first checkpoint. */
export interface TensorDifference {
  /**
   * How: it is `missing`, the first checkpoint has none (`extra`), or its shape or dtype is
   * another.
   */
  readonly kind: 'missing' | 'extra' | 'shape' | 'dtype';
  /** The name of the tensor. */
  readonly tensor: string;
  /** The name of the checkpoint. */
  readonly checkpoint: string;
  /** Its shape, such as `[2,3]`, or its dtype, where that differs. */
  readonly found?: string;
  /** That of the first checkpoint. */
  readonly expected?: string;
}

/** Options of comparing the tensors of checkpoints. */
export interface FitOptions {
  /** Patterns of tensors whose first extents may differ, such as embeddings. */
  readonly rows?: readonly string[];
  /** Whether floating-point tensors may have different dtypes, as where the output has its own. */
  readonly anyFloat?: boolean;
}

/** Their names. */
export const FIT_OPTIONS: readonly string[] = ['rows', 'anyFloat'];

/**
 * Every difference between checkpoints, in linear time.
 *
 * @param call - the method that was called, for messages
 * @param checkpoints - all are compared with the first; maps that are shared are not compared
 * @param options - which tensors may have more rows
 * @returns the differences, checkpoint by checkpoint
 * @throws RangeError where a pattern of `rows` is malformed
 * @throws TypeError where the options are no object, or one of them is not known
 */
export function differences(
  call: string,
  checkpoints: readonly NamedTensors[],
  options: FitOptions = {},
): readonly TensorDifference[] {
  const { rows: patterns = [], anyFloat = false } = requireOptions(call, options, FIT_OPTIONS);
  const [first, ...others] = checkpoints;
  const found: TensorDifference[] = [];
  if (first === undefined) return found;
  const rows = patterns.map((text) => patternOf(call, text));
  for (const { name: checkpoint, tensors } of others) {
    if (tensors === first.tensors) continue;
    for (const [tensor, expected] of first.tensors) {
      const place = tensors.get(tensor);
      if (place === undefined) {
        found.push({ tensor, checkpoint, kind: 'missing' });
        continue;
      }
      const { shape, dtype } = place;
      if (!sameShape(shape, expected.shape)) {
        const mayDiffer =
          isMergeable(dtype) &&
          differInRows(shape, expected.shape) &&
          rows.some((pattern) => pattern.matches(tensor));
        const both = { found: textOf(shape), expected: textOf(expected.shape) };
        if (!mayDiffer) found.push({ tensor, checkpoint, kind: 'shape', ...both });
      }
      const isSame =
        dtype === expected.dtype || (anyFloat && isMergeable(dtype) && isMergeable(expected.dtype));
      if (!isSame) {
        found.push({ tensor, checkpoint, kind: 'dtype', found: dtype, expected: expected.dtype });
      }
    }
    for (const tensor of tensors.keys()) {
      if (!first.tensors.has(tensor)) found.push({ tensor, checkpoint, kind: 'extra' });
    }
  }
  return found;
}

/** Whether two shapes are equal. */
export function sameShape(one: readonly number[], other: readonly number[]): boolean {
  return one.length === other.length && one.every((extent, axis) => extent === other[axis]);
}

/** Whether two shapes that are not equal differ in nothing but their first extents. */
function differInRows(one: readonly number[], other: readonly number[]): boolean {
  return one.length > 0 && other.length > 0 && sameShape(one.slice(1), other.slice(1));
}

function textOf(shape: readonly number[]): string {
  return `[${shape.join(',')}]`;
}
