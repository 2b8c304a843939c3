// Statistics of the tensors of a checkpoint.
import { requireOptions } from '@polyak/core/kit';
import type { StoredDType } from '@polyak/safetensors';
import type { Checkpoint, TensorPlace } from '../checkpoint.js';
import { applyNames } from '../names/rules.js';
import { gather, INSPECT_OPTIONS, known, locate } from './stretches.js';
import type { InspectOptions, Task } from './stretches.js';
import { Values } from './values.js';
import type { ValueStatistics } from './values.js';
import { widenableBytes } from './widen.js';

/** What a checkpoint holds under a name. */
export interface TensorStatistics {
  /** The name of the tensor. */
  readonly name: string;
  /** The type of its elements. */
  readonly dtype: StoredDType;
  /** The extents, outermost first. */
  readonly shape: readonly number[];
  /** Its elements; missing for dtypes whose elements are not read. */
  readonly values?: ValueStatistics;
}

/**
 * Statistics of each tensor of a checkpoint. Computed in float64 by compensated sums, while the
 * file is read once from start to end.
 *
 * @param checkpoint - an open checkpoint
 * @param options - which tensors; progress; a signal that ends it
 * @returns a row for each tensor, in the order of the file
 * @throws PolyakError `ERR_MISMATCH` where a pattern matches no tensor
 * @throws RangeError where a pattern is malformed
 */
export async function* tensorStatistics(
  checkpoint: Checkpoint,
  options: InspectOptions = {},
): AsyncGenerator<TensorStatistics, void, undefined> {
  const given = requireOptions('tensorStatistics', options, INSPECT_OPTIONS);
  const [named] = applyNames('tensorStatistics', [checkpoint], given.names ?? {});
  yield* gather(function* () {
    for (const [name, place] of named?.tensors ?? []) yield taskOf(name, checkpoint, place);
  }, given);
}

function taskOf(name: string, checkpoint: Checkpoint, place: TensorPlace): Task<TensorStatistics> {
  const { dtype, shape } = place;
  if (widenableBytes(dtype) === undefined) {
    return known({ name, dtype, shape });
  }
  return {
    tensors: [locate(checkpoint, place)],
    begin() {
      const values = new Values();
      return {
        add: ({ values: [elements] }) => elements && values.add(elements),
        row: () => ({ name, dtype, shape, values: values.statistics() }),
      };
    },
  };
}
