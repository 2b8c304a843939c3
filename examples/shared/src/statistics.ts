// Means over seeds, and differences of two methods paired over seeds.

/** Student's t quantile at 97.5 % for 1 to 9 degrees of freedom. */
const QUANTILES: readonly number[] = [
  12.7062, 4.30265, 3.18245, 2.77645, 2.57058, 2.44691, 2.36462, 2.306, 2.26216,
];

/** A mean difference, and how far its 95 % interval reaches to each side. */
export interface Difference {
  readonly mean: number;
  /** Not there for one pair. */
  readonly margin?: number;
  /** The seeds that both have. */
  readonly pairs: readonly Pair[];
}

/** What two methods measured with one seed. */
export interface Pair {
  readonly value: number;
  readonly baseline: number;
}

/** The mean of some values. */
export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** The sample standard deviation, with n - 1; not there for one value. */
export function deviation(values: readonly number[]): number | undefined {
  if (values.length < 2) return undefined;
  const center = mean(values);
  const squares = values.map((value) => (value - center) ** 2);
  return Math.sqrt(squares.reduce((sum, square) => sum + square, 0) / (values.length - 1));
}

/**
 * Half the width of the 95 % t-interval of a mean, in sample standard deviations: t / √n.
 *
 * @param count - the number of values, from 2 to 10
 */
export function marginFactor(count: number): number {
  const quantile = QUANTILES[count - 2];
  if (quantile === undefined) {
    throw new RangeError(
      `marginFactor: ${count} values; expected 2 to ${QUANTILES.length + 1}. ` +
        "Add Student's quantile for more to QUANTILES.",
    );
  }
  return quantile / Math.sqrt(count);
}

/**
 * The mean of `values - baselines` over the seeds that both have, with its 95 % t-interval.
 *
 * @param values - by seed
 * @param baselines - by seed
 * @returns undefined where no seed is in both
 */
export function pairedDifference(
  values: ReadonlyMap<number, number>,
  baselines: ReadonlyMap<number, number>,
): Difference | undefined {
  const pairs = [...values].flatMap(([seed, value]) => {
    const baseline = baselines.get(seed);
    return baseline === undefined ? [] : [{ value, baseline }];
  });
  if (pairs.length === 0) return undefined;
  const differences = pairs.map(({ value, baseline }) => value - baseline);
  const sd = deviation(differences);
  return {
    mean: mean(differences),
    pairs,
    ...(sd !== undefined && { margin: sd * marginFactor(pairs.length) }),
  };
}
