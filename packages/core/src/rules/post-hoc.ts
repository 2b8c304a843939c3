// Post-hoc EMA: averages of any power-function profile, made after training from snapshots of
// averages with other profiles.
import { requireArray } from '../arguments.js';
import { nameOf } from './rule.js';

/** A power-function average at one step, by the rule `powerFunction(gamma)`. */
export interface PowerProfile {
  /** The number of updates that made it, > 0. */
  readonly step: number;
  /** The exponent of the profile, >= 0. */
  readonly gamma: number;
}

/**
 * The exponent of the power-function profile whose standard deviation is `sigma` times the length
 * of the run.
 *
 * @param sigma - the relative width, in (0, 1 / √12]; the paper keeps 0.05 and 0.10
 * @returns gamma, >= 0
 * @throws RangeError if sigma is out of its range
 * @see Karras et al. 2024, https://arxiv.org/abs/2312.02696, equation 3 and algorithm 2
 */
export function gammaOf(sigma: number): number {
  nameOf('gammaOf', sigma);
  if (!(sigma > 0 && sigma <= Math.sqrt(1 / 12))) {
    throw new RangeError(
      `gammaOf: sigma is ${sigma}, expected a number in (0, ${Math.sqrt(1 / 12)}].`,
    );
  }
  // sigma(gamma) falls from √(1/12) at 0 towards 1 / gamma.
  let [low, high] = [0, 2 / sigma];
  for (let middle = high / 2; middle > low && middle < high; middle = (low + high) / 2) {
    if ((middle + 1) / ((middle + 2) ** 2 * (middle + 3)) > sigma ** 2) low = middle;
    else high = middle;
  }
  return high;
}

/**
 * The weights with which snapshots of power-function averages sum to the best approximation, in the
 * mean square over the run, of an average with another profile. Pass them to `Soup.add`. Snapshots
 * of two profiles, taken every few thousand steps of training, give any profile that is not
 * narrower than theirs.
 *
 * @param snapshots - the profiles of the snapshots, all different
 * @param target - the profile to approximate, at a step not after that of the last snapshot
 * @returns one weight per snapshot; they sum to 1, and some may be negative
 * @throws RangeError if a profile is out of its range, two are equal, or the target lies after all
 *   snapshots
 * @see Karras et al. 2024, https://arxiv.org/abs/2312.02696, section 3.2 and algorithm 3
 *
 * @example
 * ```ts
 * import { postHocWeights } from '@polyak/core/rules';
 *
 * const [narrow, wide] = [16.97, 6.94];
 * const kept = [
 *   { step: 1000, gamma: wide },
 *   { step: 1000, gamma: narrow },
 *   { step: 500, gamma: narrow },
 * ];
 * const weights = postHocWeights(kept, { step: 1000, gamma: wide });
 * console.log(weights.map((weight) => Math.abs(Math.round(weight)))); // [1, 0, 0]
 * ```
 */
export function postHocWeights(
  snapshots: readonly PowerProfile[],
  target: PowerProfile,
): readonly number[] {
  requireArray('postHocWeights: the snapshots are', snapshots, 'Expected { step, gamma } of each.');
  const kept: PowerProfile[] = [];
  for (const snapshot of snapshots) kept.push(profileOf(snapshot));
  const wanted = profileOf(target);
  if (!kept.some(({ step }) => step >= wanted.step)) {
    throw new RangeError(`postHocWeights: no snapshot was made at step ${wanted.step} or later.`);
  }
  const rows = kept.map((a) => [...kept, wanted].map((b) => product(a, b)));
  const weights = solved(rows);
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.map((weight) => weight / sum);
}

/** The profile, read once and checked. */
function profileOf(profile: PowerProfile): PowerProfile {
  const { step, gamma } = Object(profile) as PowerProfile;
  nameOf('postHocWeights', step, gamma);
  if (step > 0 && step < Infinity && gamma >= 0 && gamma < Infinity) return { step, gamma };
  throw new RangeError(
    `postHocWeights: { step: ${step}, gamma: ${gamma} } is not a profile, expected step > 0 ` +
      'and gamma >= 0, both finite.',
  );
}

/** The integral of two profiles' product. */
function product(a: PowerProfile, b: PowerProfile): number {
  const [early, late] = a.step <= b.step ? [a, b] : [b, a];
  const shared = (a.gamma + 1) * (b.gamma + 1) * (early.step / late.step) ** late.gamma;
  return shared / ((a.gamma + b.gamma + 1) * late.step);
}

/**
 * Solves linear equations by Gaussian elimination with partial pivoting. Each row has its
 * coefficients and then its right-hand side.
 */
function solved(rows: number[][]): number[] {
  const size = rows.length;
  for (let column = 0; column < size; column += 1) {
    const rest = rows.slice(column);
    const largest = rest.reduce((best, row) =>
      Math.abs(row[column] ?? 0) > Math.abs(best[column] ?? 0) ? row : best,
    );
    const pivot = largest[column] ?? 0;
    if (pivot === 0) throw new RangeError('postHocWeights: two snapshots are equal.');
    rows.splice(rows.indexOf(largest), 1);
    rows.splice(column, 0, largest);
    for (const row of rows) {
      if (row === largest) continue;
      const factor = (row[column] ?? 0) / pivot;
      for (let i = column; i <= size; i += 1) row[i] = (row[i] ?? 0) - factor * (largest[i] ?? 0);
    }
  }
  return rows.map((row, index) => (row[size] ?? 0) / (row[index] ?? 0));
}
