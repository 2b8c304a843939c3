// How two checkpoints differ, tensor by tensor.
import { requireOptions } from '@polyak/core/kit';
import type { Checkpoint, TensorPlace } from '../checkpoint.js';
import { sameShape } from '../names/differences.js';
import { applyNames } from '../names/rules.js';
import { Pair } from './pair.js';
import type { ValueDifference } from './pair.js';
import { gather, INSPECT_OPTIONS, known, locate } from './stretches.js';
import type { InspectOptions, Task } from './stretches.js';
import { widenableBytes } from './widen.js';

/** How a tensor differs between two checkpoints. */
export type TensorDiff = {
  /** The name of the tensor. */
  readonly name: string;
} & (
  | {
      /** Both have it, with one shape. */
      readonly kind: 'both';
      /** The type of its elements in each. */
      readonly dtypes: readonly [TensorPlace['dtype'], TensorPlace['dtype']];
      /** The extents, outermost first. */
      readonly shape: readonly number[];
      /** Whether dtype and bytes are equal. */
      readonly isSame: boolean;
      /** Its elements; missing for dtypes whose elements are not read. */
      readonly values?: ValueDifference;
    }
  | {
      /** The shapes differ, so that elements are not compared. */
      readonly kind: 'shape';
      /** The extents in each. */
      readonly shapes: readonly [readonly number[], readonly number[]];
    }
  | {
      /** Only one has it. */
      readonly kind: 'first only' | 'second only';
    }
);

/**
 * Compares two checkpoints, in float64 by compensated sums, while each file is read once. Dtypes
 * may differ: elements are compared by value.
 *
 * @param first - an open checkpoint
 * @param second - another
 * @param options - which tensors, and under which names; progress; a signal that ends it
 * @returns a row for each tensor: those of `first` in the order of its file, then those that only
 *   `second` has
 * @throws PolyakError `ERR_MISMATCH` where a pattern matches no tensor
 * @throws RangeError where a pattern is malformed
 */
export async function* diffCheckpoints(
  first: Checkpoint,
  second: Checkpoint,
  options: InspectOptions = {},
): AsyncGenerator<TensorDiff, void, undefined> {
  const given = requireOptions('diffCheckpoints', options, INSPECT_OPTIONS);
  const named = applyNames('diffCheckpoints', [first, second], given.names ?? {});
  const [a, b] = named.map(({ tensors }) => tensors);
  if (a === undefined || b === undefined) return;
  yield* gather(function* () {
    for (const [name, place] of a) {
      const other = b.get(name);
      if (other === undefined) yield known({ name, kind: 'first only' });
      else if (sameShape(place.shape, other.shape)) {
        yield comparison(name, [first, place], [second, other]);
      } else yield known({ name, kind: 'shape', shapes: [place.shape, other.shape] });
    }
    for (const name of b.keys()) if (!a.has(name)) yield known({ name, kind: 'second only' });
  }, given);
}

function comparison(
  name: string,
  [first, a]: readonly [Checkpoint, TensorPlace],
  [second, b]: readonly [Checkpoint, TensorPlace],
): Task<TensorDiff> {
  const both = { name, kind: 'both', dtypes: [a.dtype, b.dtype], shape: a.shape } as const;
  const areValues = [a, b].every(({ dtype }) => widenableBytes(dtype) !== undefined);
  if (!areValues && (a.dtype !== b.dtype || a.byteLength !== b.byteLength)) {
    return known({ ...both, isSame: false });
  }
  return {
    tensors: [locate(first, a), locate(second, b)],
    begin() {
      let isSame = a.dtype === b.dtype;
      const pair = areValues ? new Pair() : undefined;
      return {
        add({ begin, values: [x, y], bytes: [xBytes, yBytes] }) {
          isSame &&= xBytes !== undefined && yBytes !== undefined && areSameBytes(xBytes, yBytes);
          if (x !== undefined && y !== undefined) pair?.add(x, y, begin);
        },
        row: () => ({ ...both, isSame, ...(pair && { values: pair.difference() }) }),
      };
    },
  };
}

function areSameBytes(a: Uint8Array, b: Uint8Array): boolean {
  const words = (bytes: Uint8Array): Uint32Array =>
    new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength >> 2);
  const areWords = [a, b].every(
    ({ byteOffset, byteLength }) => (byteOffset | byteLength) % 4 === 0,
  );
  return areWords ? areSame(words(a), words(b)) : areSame(a, b);
}

function areSame(a: Uint8Array | Uint32Array, b: Uint8Array | Uint32Array): boolean {
  for (let i = 0; i < a.length; i += 1) if (a[i] !== b[i]) return false;
  return true;
}
