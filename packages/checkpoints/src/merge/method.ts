// What a method of merging must provide: a function of blocks of a tensor, and the statistics of
// the whole tensor that it needs first.

/** The most elements of a block. Blocks are cut at multiples of it, from the tensor's start. */
export const BLOCK: number = 2 ** 16;

/** The same stretch of a tensor in every checkpoint. */
export interface Block {
  /** The tensor's name in the output. */
  readonly name: string;
  /** The number of elements of the whole tensor. */
  readonly elements: number;
  /** The index of the stretch's first element, a multiple of {@link BLOCK}. */
  readonly begin: number;
  /** The elements of each model, in the order given. */
  readonly models: readonly Float64Array[];
  /** The elements of the base model, for methods that have one. */
  readonly base: Float64Array | undefined;
}

/** The merge of one tensor. */
export interface TensorMerge {
  /**
   * Whether a pass over the whole tensor is needed before it can be merged. Asked before each pass.
   * What a pass gathers is kept per block and combined in the order of the blocks, so that it does
   * not depend on how the work is cut.
   */
  readonly needsPass: boolean;
  /** Takes one block of a pass. Every pass brings all blocks, in order. */
  add(block: Block): void;
  /** Ends a pass. */
  endPass(): void;
  /** Writes the merged elements of a block into `result`, which has as many elements. */
  merge(block: Block, result: Float64Array): void;
}

/** How many models a method merges. */
export interface ModelCount {
  /** The fewest. */
  readonly least: number;
  /** The most. */
  readonly most: number;
}

/** A way to merge checkpoints, element by element in float64. */
export interface MergeMethod {
  /** Tells it from a weighted sum, whose weights do not depend on the values. */
  readonly kind: 'blocks';
  /** Its name in recipes and in the record of what was merged. */
  readonly name: string;
  /** Its options, as they stand in that record: JSON. */
  readonly options: Readonly<Record<string, unknown>>;
  /** Whether it needs a base model. */
  readonly needsBase: boolean;
  /** How many models it merges, without the base model. */
  readonly models: ModelCount;
  /** Begins the merge of one tensor. */
  tensor(tensor: { readonly name: string; readonly elements: number }): TensorMerge;
}
