// What a running merge keeps beside the work itself: checksums, and what is to be reported. It is
// plain data for the journal of a merge that can be resumed.
import type { SumKernels } from '@polyak/backend-cpu/sums';
import type { MergePlan } from '../merge/plan.js';
import type { Segment } from '../merge/segments.js';
import { RangeChecksum } from './checksum.js';
import type { FileTensors } from './output-tensors.js';
import { indexAt, outputTensors } from './output-tensors.js';
import type { MergeReport } from './report.js';

/** A {@link MergeReport} as JSON; of a part of a merge, or of how far it has come. */
export interface PartReport {
  /** The checksum of what was read of each file of each checkpoint. */
  readonly inputs: readonly (readonly string[])[];
  /** The checksum of the tensors that were written. */
  readonly output: string;
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

/** The state of a running merge. */
export class RunState {
  units = 0;
  bytes = 0;
  total: number;
  readonly #plan: MergePlan;
  readonly #inputs: readonly (readonly RangeChecksum[])[];
  readonly #output: RangeChecksum;
  readonly #fromLast: Set<string>;
  readonly #nonFinite: Map<string, number>;

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
    this.#output = at(progress?.output);
    this.#fromLast = new Set(progress?.fromLast);
    this.#nonFinite = new Map(progress?.nonFinite);
    this.units = progress?.units ?? 0;
    this.bytes = progress?.bytes ?? 0;
    this.total = progress?.total ?? plan.bytesToRead;
  }

  /** The checksum of a file of an input. */
  checksum(input: number, file: number): RangeChecksum {
    return this.#inputs[input]?.[file] as RangeChecksum;
  }

  /**
   * Adds bytes of tensors of the output to its checksum.
   *
   * @param kernels - whose memory holds the bytes
   * @param address - of the bytes
   * @param segment - whose bytes they are
   */
  addOutput(kernels: SumKernels, address: number, { file, position, byteLength }: Segment): void {
    const tensors = this.#tensorsIn(file);
    const end = position + byteLength;
    let index = indexAt(tensors, position);
    for (let at = position; at < end; index += 1) {
      const stop = Math.min(end, tensors.ends[index] as number);
      const inTensor = at - (tensors.begins[index] as number);
      const place = (tensors.positions[index] as number) + inTensor;
      this.#output.add(kernels, address + at - position, place, stop - at);
      at = stop;
    }
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
    const tensors = this.#tensorsIn(file);
    const at = position + element * size;
    const index = indexAt(tensors, at);
    const [begin, end] = [tensors.begins[index] as number, tensors.ends[index] as number];
    const name = tensors.names[index] as string;
    return { name, index: (at - begin) / size, rest: (end - at) / size };
  }

  /** Adds what another state of the same plan has, for other ranges of the output. */
  add({ inputs, output, fromLast, nonFinite }: PartReport): void {
    for (const [i, own] of this.#inputs.entries()) {
      for (const [k, digits] of (inputs[i] ?? []).entries()) {
        own[k]?.addChecksum(RangeChecksum.parse(digits));
      }
    }
    this.#output.addChecksum(RangeChecksum.parse(output));
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
      output: this.#output.toString(),
    };
  }

  #tensorsIn(file: number): FileTensors {
    return outputTensors(this.#plan.layout)[file] as FileTensors;
  }
}
