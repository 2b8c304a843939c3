// Lines of `methods.jsonl`, the format of results that the examples share.

/** What was measured: one line each. */
export interface MethodKey {
  readonly experiment: string;
  /** The training that it takes, in passes over the training data. */
  readonly budget: number;
  readonly seed: number;
  /** Such as `sgd` or `swa-0.05/from-75`. */
  readonly method: string;
}

/** The lines by experiment, budget, method and seed, as they are committed. */
export function sortedMethods<Line extends MethodKey>(lines: readonly Line[]): readonly Line[] {
  return lines.toSorted(
    (a, b) =>
      compare(a.experiment, b.experiment) ||
      a.budget - b.budget ||
      compare(a.method, b.method) ||
      a.seed - b.seed,
  );
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
