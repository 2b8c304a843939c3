// One update, all or nothing, without a second copy of the averages: everything is checked first,
// and then overwritten chunk by chunk. It reads averages and live weights twice: an update of 10M
// elements takes twice as long, and no memory beside the averages and the live weights.
import type { Engine, FloatArray } from './kernel/engine.js';
import { MOVED, NOT_FINITE } from './kernel/engine.js';
import { weighSides } from './overflow.js';
import type { UpdatedItem, UpdateItem, UpdateResult } from './update.js';

/** How many elements are computed before they are written. They stay in cache. */
const CHUNK = 16_384;

/**
 * Updates the averages where they are. The results are those of `updated`, bit for bit.
 *
 * @param engine - computes them
 * @param items - the averages and residuals are overwritten
 * @param allowNonFinite - whether results that are not finite are results too
 * @throws RangeError where there is no memory left for a chunk; then nothing has changed
 */
export function updatedInPlace(
  engine: Engine,
  items: readonly UpdateItem[],
  allowNonFinite: boolean,
): UpdateResult {
  if (!allowNonFinite) {
    // An update of finite numbers is finite, and an update of others is not. (But for residuals of
    // the largest float that are more than half its last digit, which no update makes.)
    const nonFinite = [...items.keys()].filter((index) =>
      arraysOf(items[index] as UpdateItem).some((data) => !engine.allFinite(data)),
    );
    if (nonFinite.length > 0) return { kind: 'refused', nonFinite };
  }
  const sizes = [...new Set(items.map(({ average }) => average.BYTES_PER_ELEMENT))];
  const chunks = engine.memory.allocate(
    sizes.flatMap((size) => {
      const dtype = size === 4 ? 'float32' : 'float64';
      return [
        { dtype, length: CHUNK },
        { dtype, length: CHUNK },
      ] as const;
    }),
  ) as readonly FloatArray[];
  try {
    return {
      kind: 'averaged',
      items: items.map((item) => {
        const first = 2 * sizes.indexOf(item.average.BYTES_PER_ELEMENT);
        return overwritten(engine, chunks.slice(first, first + 2), item, allowNonFinite);
      }),
    };
  } finally {
    for (const data of chunks) engine.memory.free(data);
  }
}

/** Computes each chunk of an item into `chunks`, and then copies it over the old values. */
function overwritten(
  engine: Engine,
  chunks: readonly FloatArray[],
  item: UpdateItem,
  allowNonFinite: boolean,
): UpdatedItem {
  const { average, residual, live, weight } = item;
  let [isFinite, hasMoved] = [true, false];
  for (let start = 0; start < average.length; start += CHUNK) {
    const end = Math.min(start + CHUNK, average.length);
    const from = {
      average: average.subarray(start, end),
      residual: residual?.subarray(start, end),
      live: live.subarray(start, end),
    };
    const [first, second] = chunks.map((data) => data.subarray(0, end - start));
    const to = {
      average: first as FloatArray,
      residual: residual === undefined ? undefined : second,
    };
    const bits = engine.average(to, from, weight);
    const isChunkFinite = (bits & NOT_FINITE) === 0 || weighSides(to, from, weight, allowNonFinite);
    isFinite &&= isChunkFinite;
    hasMoved ||= (bits & MOVED) !== 0;
    from.average.set(to.average);
    if (to.residual !== undefined) from.residual?.set(to.residual);
  }
  return { average, residual, isFinite, hasMoved };
}

function arraysOf({ average, residual, live }: UpdateItem): readonly FloatArray[] {
  return residual === undefined ? [average, live] : [average, residual, live];
}
