// What SWAG must know of the models it was shown, from their definition: two passes in float64, all
// models at hand.

/** The moments of `models`, each a list of numbers, of which the last `rank` make deviations. */
export interface Reference {
  readonly mean: readonly number[];
  readonly variance: readonly number[];
  readonly deviations: readonly (readonly number[])[];
}

export function referenceOf(models: readonly (readonly number[])[], rank: number): Reference {
  const mean = meanOf(models);
  const variance = mean.map(
    (center, i) => meanOf(models.map((model) => [((model[i] ?? NaN) - center) ** 2]))[0] ?? NaN,
  );
  const deviations = models.map((model, k) => {
    const running = meanOf(models.slice(0, k + 1));
    return model.map((value, i) => value - (running[i] ?? NaN));
  });
  return { mean, variance, deviations: rank === 0 ? [] : deviations.slice(-rank) };
}

/**
 * The paper's covariance: half of the diagonal and half of the low rank, or the diagonal alone
 * where there is no rank.
 */
export function covarianceOf({ variance, deviations }: Reference, divisor: number): number[][] {
  return variance.map((own, i) =>
    variance.map((_, j) => {
      const diagonal = i === j ? own : 0;
      if (deviations.length === 0) return diagonal;
      const lowRank =
        deviations.reduce((sum, row) => sum + (row[i] ?? NaN) * (row[j] ?? NaN), 0) / divisor;
      return (diagonal + lowRank) / 2;
    }),
  );
}

/** The mean of each column. */
export function meanOf(rows: readonly (readonly number[])[]): number[] {
  return (rows[0] ?? []).map(
    (_, i) => rows.reduce((sum, row) => sum + (row[i] ?? NaN), 0) / rows.length,
  );
}
