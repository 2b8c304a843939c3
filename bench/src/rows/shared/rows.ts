// The rows that every runtime has: updates at each size against each yardstick, swaps, checks.
import type { Row } from '../../row.js';
import { filled, plainLoop } from './arrays.js';
import type { Mode } from './mode.js';
import { inOne, SIZES } from './sizes.js';
import type { Size } from './sizes.js';
import {
  allFinite,
  average,
  lengthsOf,
  setTimes,
  subjectOn,
  swap,
  swapSwa,
  updateSwa,
} from './updating.js';
import type { OperationOf } from './updating.js';

/** Something that the rows compare with. */
export interface Yardstick<T> {
  /** For the column `against`. */
  readonly name: string;
  readonly of: OperationOf<T>;
  /** Whether it is what people would otherwise use. */
  readonly isPeer?: true;
  /** The largest size that it is measured at, where it takes too long beyond. */
  readonly upTo?: number;
}

/** What a row of one mode does. */
export interface Work<T> {
  readonly work: string;
  /** What is called, such as `SWA.updateSwa`. */
  readonly call: string;
  readonly of: OperationOf<T>;
  /** Read and written, an element. */
  readonly bytesPerElement?: number;
}

/** `dst.set(src)`. */
export const SET = { name: 'set()', of: setTimes<unknown>(1) } as const;
const SET_TWICE = { name: 'set() twice', of: setTimes<unknown>(2) } as const;

/** The plain loop over typed arrays. */
export const LOOP = {
  name: 'plain loop',
  of: ({ arrays }: { readonly arrays: readonly Float32Array[] }) =>
    plainLoop(filled(lengthsOf(arrays), 1), arrays),
  isPeer: true,
  upTo: 10_000_000,
} as const;

/**
 * A row of one mode.
 *
 * @param mode - the runtime
 * @param work - what it does
 * @param yardstick - what against
 * @param size - how many weights
 */
export function rowOf<T>(
  mode: Mode<T>,
  { work, call, of, bytesPerElement }: Work<T>,
  yardstick: Yardstick<T>,
  { elements, lengths }: Size,
): Row {
  return {
    work,
    name: `${mode.name}, ${call}`,
    tensors: lengths.length,
    elements,
    against: yardstick.name,
    ...(yardstick.isPeer && { isPeer: true }),
    ...(bytesPerElement !== undefined && { bytesPerElement }),
    prepare: async () => subjectOn(mode, lengths, of, yardstick.of),
  };
}

/** An update by `SWA`, as users call it. */
export function updateWork<T>(): Work<T> {
  return { work: 'update', call: 'SWA.updateSwa', of: updateSwa(), bytesPerElement: 12 };
}

/** An update by the backend alone. */
export function averageWork<T>(): Work<T> {
  return { work: 'update', call: 'average', of: average(), bytesPerElement: 12 };
}

/**
 * The update rows of a mode: `SWA` against `set()`, the plain loop and what users would write, and
 * the backend against `set()`.
 *
 * @param mode - the runtime
 * @param byHand - what users would write
 * @param upTo - the largest size, where more takes too long or does not fit
 */
export function updateRows<T>(
  mode: Mode<T>,
  byHand: readonly Yardstick<T>[],
  upTo: number = Infinity,
): readonly Row[] {
  const sizes = SIZES.filter(({ elements }) => elements <= upTo);
  return [
    ...[SET, LOOP, ...byHand].flatMap((yardstick: Yardstick<T>) =>
      sizes
        .filter(({ elements }) => elements <= (yardstick.upTo ?? Infinity))
        .map((size) => rowOf(mode, updateWork(), yardstick, size)),
    ),
    ...sizes.map((size) => rowOf(mode, averageWork(), SET, size)),
  ];
}

/**
 * Swaps and checks of a mode.
 *
 * @param mode - the runtime
 * @param elements - the number of weights
 */
export function otherRows<T>(mode: Mode<T>, elements: number): readonly Row[] {
  const size = inOne(elements);
  return [
    rowOf(mode, { work: 'swap', call: 'SWA.swapSwaSgd twice', of: swapSwa() }, SET_TWICE, size),
    rowOf(mode, { work: 'swap', call: 'swap in and out', of: swap() }, SET_TWICE, size),
    rowOf(
      mode,
      { work: 'allFinite', call: 'allFinite', of: allFinite(), bytesPerElement: 4 },
      SET,
      size,
    ),
  ];
}
