// What the backend asks of the place where tensors live, in two ways: host-storage.ts and
// device-storage.ts.
import type { HostTensor } from '@polyak/core';
import type { Tensor } from 'onnxruntime-node';
import type { OnnxDType } from '../dtype.js';

/**
 * The tensors of one location, and the arithmetic on them. What it makes is the caller's to dispose
 * of.
 */
export interface Storage {
  /** Whether a tensor of this location is one of these; all others would bring ORT down. */
  readonly holds: (location: Tensor['location']) => boolean;
  /** Where that is, for messages. */
  readonly place: string;
  readonly dtypes: readonly OnnxDType[];
  /** New tensors with copies of the elements, or none. */
  readonly hold: (tensors: readonly HostTensor[]) => Promise<readonly Tensor[]>;
  /** Copies of the elements. */
  readonly read: (tensors: readonly Tensor[]) => Promise<readonly HostTensor[]>;
  /** New tensors with the same elements, or none. */
  readonly clone: (tensors: readonly Tensor[]) => Promise<readonly Tensor[]>;
  /** New tensors with the same values in other dtypes, or none. */
  readonly cast: (
    tensors: readonly Tensor[],
    dtypes: readonly OnnxDType[],
  ) => Promise<readonly Tensor[]>;
  /** For each floating tensor that is not empty, whether all its elements are finite. */
  readonly allFinite: (tensors: readonly Tensor[]) => Promise<readonly boolean[]>;
  /** Moves all states towards `live`, or none. */
  readonly update: (states: States, live: readonly Tensor[], weight: number) => Promise<States>;
}

/**
 * What an update moves: the averages, and where they are compensated a list of as many residuals.
 */
export type States =
  | readonly [averages: readonly Tensor[]]
  | readonly [averages: readonly Tensor[], residuals: readonly Tensor[]];

/**
 * The places of items in groups that have a key in common, in the order of the first of each.
 *
 * @param keys - one for each item
 */
export function groupsOf(keys: readonly string[]): readonly (readonly number[])[] {
  const groups = new Map<string, number[]>();
  keys.forEach((key, place) => {
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [place]);
    else group.push(place);
  });
  return [...groups.values()];
}
