// What a network is trained on: inputs of one shape, each with a class.
import { range, shuffler } from 'd3-array';
import seedrandom from 'seedrandom';

/** Inputs and their classes. */
export interface Samples {
  /** The shape of one input. */
  readonly shape: readonly number[];
  /** All inputs, one after the other. */
  readonly inputs: Float32Array;
  /** The class of each input, from 0. */
  readonly labels: Uint8Array;
}

/** How many samples each part of a data set has. */
export interface PartSizes {
  readonly train: number;
  readonly validation: number;
  readonly test: number;
}

/** A data set in three parts that share no sample. */
export type Parts = Readonly<Record<keyof PartSizes, Samples>>;

/** The numbers from 0 to `count` - 1 in an order that `name` decides. */
export function shuffled(count: number, name: string): number[] {
  return shuffler(seedrandom(name))(range(count));
}

/** The samples at `indices`, in that order. */
export function pick({ shape, inputs, labels }: Samples, indices: readonly number[]): Samples {
  const size = shape.reduce((product, length) => product * length, 1);
  const picked = new Float32Array(indices.length * size);
  for (const [row, index] of indices.entries()) {
    picked.set(inputs.subarray(index * size, (index + 1) * size), row * size);
  }
  return { shape, inputs: picked, labels: Uint8Array.from(indices, (index) => labels[index] ?? 0) };
}

/** Consecutive pieces of `indices`, `length` each; the last one may be shorter. */
export function pieces(indices: readonly number[], length: number): readonly (readonly number[])[] {
  return range(0, indices.length, length).map((start) => indices.slice(start, start + length));
}
