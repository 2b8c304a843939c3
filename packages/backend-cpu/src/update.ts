// One update, made as a whole or not at all: the new averages are computed into memory that nobody
// has seen, and become the averages once all of them are known to be finite.
import type { Allocator, Arithmetic, FloatArray, Targets } from './kernel/engine.js';
import { MOVED, NOT_FINITE } from './kernel/engine.js';

/** One average to be moved: `average + weight * (live - average)`. Nothing of it is written. */
export interface UpdateItem {
  readonly average: FloatArray;
  /** The rounding error that the average carries, where it is compensated. */
  readonly residual?: FloatArray | undefined;
  /** Of the type and length of the average. */
  readonly live: FloatArray;
  /** In [0, 1]; rounded to the type of the arrays first. */
  readonly weight: number;
}

/** One average after an update, in arrays of its own. */
export interface UpdatedItem {
  readonly average: FloatArray;
  /** Where the item had one. */
  readonly residual?: FloatArray | undefined;
  /** Whether every element of the new average is finite. */
  readonly isFinite: boolean;
  /** Whether `live` differed from the old average in at least one element. */
  readonly hasMoved: boolean;
}

/** What became of an update. */
export type UpdateResult =
  | { readonly kind: 'averaged'; readonly items: readonly UpdatedItem[] }
  | {
      readonly kind: 'refused';
      /** The indices of the items whose new average would not be finite, ascending. */
      readonly nonFinite: readonly number[];
    };

/**
 * The averages after an update.
 *
 * @param engine - computes them
 * @param allocator - makes the arrays of the result; where the update is refused, it has them back
 * @param items - not changed
 * @param allowNonFinite - whether results that are not finite are results too
 * @throws RangeError where there is no memory left
 */
export function updated(
  engine: Arithmetic,
  allocator: Allocator,
  items: readonly UpdateItem[],
  allowNonFinite: boolean,
): UpdateResult {
  // Averages first, so that residuals do not come between them.
  const residuals = items.flatMap(({ residual }) => (residual === undefined ? [] : [residual]));
  const requests = [...items.map(({ average }) => average), ...residuals].map(requestFor);
  const room = allocator.allocate(requests) as readonly FloatArray[];
  let next = items.length;
  const results = items.map((item, index): UpdatedItem => {
    const average = room[index] as FloatArray;
    const to: Targets = {
      average,
      residual: item.residual === undefined ? undefined : room[next++],
    };
    const bits = engine.average(to, item, item.weight);
    return { ...to, isFinite: (bits & NOT_FINITE) === 0, hasMoved: (bits & MOVED) !== 0 };
  });
  const nonFinite = allowNonFinite
    ? []
    : results.flatMap(({ isFinite }, index) => (isFinite ? [] : [index]));
  if (nonFinite.length === 0) return { kind: 'averaged', items: results };
  for (const data of room) allocator.free(data);
  return { kind: 'refused', nonFinite };
}

function requestFor({ length, BYTES_PER_ELEMENT }: FloatArray): {
  readonly dtype: 'float32' | 'float64';
  readonly length: number;
} {
  return { dtype: BYTES_PER_ELEMENT === 4 ? 'float32' : 'float64', length };
}
