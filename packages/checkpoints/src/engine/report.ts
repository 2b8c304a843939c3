// What happened in a merge that its caller should know.

/** What {@link runMerge} did. */
export interface MergeReport {
  /** Integer tensors that differ between the checkpoints, and are those of the last one. */
  readonly fromLast: readonly string[];
  /** Tensors with elements that are not finite in some checkpoint, and how many elements. */
  readonly nonFinite: ReadonlyMap<string, number>;
  /** The checksum of what was read of each file of each checkpoint. */
  readonly inputs: readonly (readonly string[])[];
  /** The checksum of the tensors of the output. */
  readonly output: string;
}
