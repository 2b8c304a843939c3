// One update, all or nothing. The new averages are computed into separate memory and take effect
// once all of them are known to be finite.
import type { Arithmetic, Elements, FloatArray, Workspace } from './kernel/engine.js';
import { MOVED, NOT_FINITE } from './kernel/engine.js';
import { weighSides } from './overflow.js';

/** One average to be moved: `average + weight * (live - average)`. Nothing of it is written. */
export interface UpdateItem<Live = FloatArray> {
  /** The average; only read. */
  readonly average: FloatArray;
  /** The rounding error that the average carries, where it is compensated. */
  readonly residual?: FloatArray | undefined;
  /** Of the length of the average, and of its type; or half precision, for a float32 average. */
  readonly live: Live;
  /** In [0, 1]; rounded to the type of the arrays first. */
  readonly weight: number;
}

/** One average after an update, in arrays of its own. */
export interface UpdatedItem {
  /** The new average. */
  readonly average: FloatArray;
  /** Where the item had one. */
  readonly residual?: FloatArray | undefined;
  /** Whether every element of the new average is finite. */
  readonly isFinite: boolean;
  /** Whether `live` differed from the old average in at least one element. */
  readonly hasMoved: boolean;
}

/** The result of an update. */
export type UpdateResult =
  | {
      /** The update is made. */
      readonly kind: 'averaged';
      /** One for each item, in that order. */
      readonly items: readonly UpdatedItem[];
    }
  | {
      /** Nothing has changed. */
      readonly kind: 'refused';
      /** The indices of the items whose new average would not be finite, ascending. */
      readonly nonFinite: readonly number[];
    };

/**
 * The averages after an update.
 *
 * @param engine - computes them
 * @param workspace - has the arrays of the result; where the update is refused, they are back there
 * @param items - not changed
 * @param allowNonFinite - whether results that are not finite are results too
 * @throws RangeError where there is no memory left
 */
export function updated(
  engine: Arithmetic,
  workspace: Workspace,
  items: readonly UpdateItem<Elements>[],
  allowNonFinite: boolean,
): UpdateResult {
  const room = workspace.take(statesOf(items));
  let next = 0;
  const nonFinite: number[] = [];
  const results = items.map((item, index): UpdatedItem => {
    const average = room[next++] as FloatArray;
    const residual = item.residual === undefined ? undefined : room[next++];
    const to = { average, residual };
    const bits = engine.average(to, item, item.weight);
    const isFinite = (bits & NOT_FINITE) === 0 || weighSides(to, item, item.weight, allowNonFinite);
    if (!isFinite) nonFinite.push(index);
    return { average, residual, isFinite, hasMoved: (bits & MOVED) !== 0 };
  });
  if (allowNonFinite || nonFinite.length === 0) return { kind: 'averaged', items: results };
  workspace.keep(room);
  return { kind: 'refused', nonFinite };
}

/** The averages and residuals, in the order of the items. */
function statesOf(items: readonly UpdateItem<Elements>[]): readonly FloatArray[] {
  const states: FloatArray[] = [];
  for (const { average, residual } of items) {
    states.push(average);
    if (residual !== undefined) states.push(residual);
  }
  return states;
}
