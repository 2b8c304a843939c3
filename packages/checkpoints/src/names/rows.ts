// Tensors with more rows in some models than in others, such as embeddings of other vocabularies.

/** Rows that the same models have. */
export interface RowRange {
  /** The first row. */
  readonly begin: number;
  /** Behind the last row. */
  readonly end: number;
  /** The indices of the models that have them, in their order. */
  readonly models: readonly number[];
}

/**
 * Cuts the rows of a tensor where fewer models have them.
 *
 * @param counts - the number of rows in each model
 * @returns the ranges, from the first row to the last of the model with the most rows
 * @example
 * ```ts
 * import { rowRanges } from '@polyak/checkpoints/names';
 *
 * rowRanges([100, 102, 100]);
 * // [{ begin: 0, end: 100, models: [0, 1, 2] }, { begin: 100, end: 102, models: [1] }]
 * ```
 */
export function rowRanges(counts: readonly number[]): readonly RowRange[] {
  const ends = [...new Set(counts)].filter((count) => count > 0);
  ends.sort((a, b) => a - b);
  return ends.map((end, index) => ({
    begin: ends[index - 1] ?? 0,
    end,
    models: [...counts.keys()].filter((model) => (counts[model] ?? 0) >= end),
  }));
}

/**
 * The weights of rows that only some models have: theirs, rescaled to the sum of all weights.
 *
 * @param weights - the weight of each model
 * @param models - the indices of the models that have the rows
 * @returns a weight for each of `models`
 * @throws RangeError where their weights sum to 0 and all weights do not
 */
export function rescaledWeights(
  weights: readonly number[],
  models: readonly number[],
): readonly number[] {
  if (models.length === weights.length) return weights;
  const own = models.map((model) => weights[model] ?? 0);
  const [total, part] = [sumOf(weights), sumOf(own)];
  if (part === total) return own;
  if (part === 0) {
    throw new RangeError(
      `the weights of the models that have all rows sum to 0, those of all models to ${total}. ` +
        'Give one of them another weight, or merge tensors with equal rows only.',
    );
  }
  return own.map((weight) => weight * (total / part));
}

function sumOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0);
}
