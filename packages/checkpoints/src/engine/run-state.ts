// What a running merge keeps beside the work itself: checksums, and what is to be reported. It is
// plain data for the journal of a merge that can be resumed.
import { PolyakError } from '@polyak/core';
import type { MergePlan } from '../merge/plan.js';
import { lengthOf } from '../merge/segments.js';
import type { Segment } from '../merge/segments.js';
import { RangeChecksum } from './checksum.js';
import type { MergeReport } from './report.js';

/** A {@link MergeReport} as JSON; of a part of a merge, or of how far it has come. */
export interface PartReport {
  /** The checksum of what was read of each file of each checkpoint. */
  readonly inputs: readonly (readonly string[])[];
  /** The checksum of the tensors that were written to each file of the output. */
  readonly output: readonly string[];
  /** Integer tensors that differ between the checkpoints. */
  readonly fromLast: readonly string[];
  /** Tensors with elements that are not finite, and how many. */
  readonly nonFinite: readonly (readonly [name: string, count: number])[];
}

/** How far a merge has come: JSON. */
export interface MergeProgress extends PartReport {
  /** How many units are written. */
  readonly units: number;
  /** The bytes that were read for them. */
  readonly bytes: number;
  /** The bytes that are read in all, as far as is known. */
  readonly total: number;
}

/** Where an element of a segment is. */
export interface TensorElement {
  /** The name of the tensor in the output. */
  readonly name: string;
  /** The index of the element in the tensor. */
  readonly index: number;
  /** How many elements of the tensor follow, with it. */
  readonly rest: number;
}

/** Where the tensors of a file of the output begin and end. */
interface Places {
  readonly file: number;
  readonly names: readonly string[];
  readonly begins: readonly number[];
  readonly ends: readonly number[];
}

/** The state of a running merge. */
export class RunState {
  units = 0;
  bytes = 0;
  total: number;
  readonly #plan: MergePlan;
  readonly #inputs: readonly (readonly RangeChecksum[])[];
  readonly #output: readonly RangeChecksum[];
  readonly #fromLast: Set<string>;
  readonly #nonFinite: Map<string, number>;
  #places: Places | undefined;

  /**
   * @param plan - of the merge
   * @param progress - of the same plan, where it goes on
   */
  constructor(plan: MergePlan, progress: MergeProgress | undefined) {
    this.#plan = plan;
    const at = (digits: string | undefined): RangeChecksum =>
      digits === undefined ? new RangeChecksum() : RangeChecksum.parse(digits);
    this.#inputs = plan.inputs.map(({ files }, i) =>
      files.map((_, k) => at(progress?.inputs[i]?.[k])),
    );
    this.#output = plan.layout.files.map((_, k) => at(progress?.output[k]));
    this.#fromLast = new Set(progress?.fromLast);
    this.#nonFinite = new Map(progress?.nonFinite);
    this.units = progress?.units ?? 0;
    this.bytes = progress?.bytes ?? 0;
    this.total = progress?.total ?? plan.bytesToRead;
  }

  /** The checksum of a file of an input, or of the output for -1. */
  checksum(input: number, file: number): RangeChecksum {
    return (input === -1 ? this.#output : this.#inputs[input])?.[file] as RangeChecksum;
  }

  /** Notes that an integer tensor differs between the checkpoints. */
  differs(name: string): void {
    this.#fromLast.add(name);
  }

  /** Notes elements that are not finite. */
  addNonFinite(name: string, count: number): void {
    this.#nonFinite.set(name, (this.#nonFinite.get(name) ?? 0) + count);
  }

  /**
   * The tensor that an element of a segment belongs to.
   *
   * @param segment - of the plan
   * @param element - its index in the segment
   */
  elementAt({ file, position, size }: Segment, element: number): TensorElement {
    const { names, begins, ends } = this.#placesIn(file);
    const at = position + element * size;
    let [low, high] = [0, ends.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((ends[middle] as number) > at) high = middle;
      else low = middle + 1;
    }
    const name = names[low];
    if (name === undefined) throw new PolyakError('ERR_CHECKPOINT', `no tensor at byte ${at}.`);
    const [begin, end] = [begins[low] as number, ends[low] as number];
    return { name, index: (at - begin) / size, rest: (end - at) / size };
  }

  /** Adds what another state of the same plan has, for other ranges of the output. */
  add({ inputs, output, fromLast, nonFinite }: PartReport): void {
    const sum = (own: readonly RangeChecksum[], others: readonly string[] = []): void => {
      for (const [k, digits] of others.entries()) {
        own[k]?.addChecksum(RangeChecksum.parse(digits));
      }
    };
    for (const [i, own] of this.#inputs.entries()) sum(own, inputs[i]);
    sum(this.#output, output);
    for (const name of fromLast) this.differs(name);
    for (const [name, count] of nonFinite) this.addNonFinite(name, count);
  }

  /** Plain data. */
  progress(): MergeProgress {
    const { inputs, output, fromLast, nonFinite } = this.report();
    const { units, bytes, total } = this;
    return { units, bytes, total, inputs, output, fromLast, nonFinite: [...nonFinite] };
  }

  /** What happened so far. */
  report(): MergeReport {
    return {
      fromLast: [...this.#fromLast],
      nonFinite: new Map(this.#nonFinite),
      inputs: this.#inputs.map((files) => files.map(String)),
      output: this.#output.map(String),
    };
  }

  #placesIn(file: number): Places {
    if (this.#places?.file === file) return this.#places;
    const names: string[] = [];
    const begins: number[] = [];
    const ends: number[] = [];
    let position = 0;
    for (const piece of this.#plan.layout.files[file]?.pieces ?? []) {
      const begin = position;
      position += lengthOf(piece);
      if (piece.kind !== 'tensor') continue;
      names.push(piece.name);
      begins.push(begin);
      ends.push(position);
    }
    this.#places = { file, names, begins, ends };
    return this.#places;
  }
}
