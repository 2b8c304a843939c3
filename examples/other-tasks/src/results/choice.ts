// Which rates the validation chose.
import { greatest, mean, rollups } from 'd3-array';

import type { RunName } from '../runs.js';
import type { EpochLine } from '../train.js';

/**
 * The rate of a run with the best accuracy on the validation samples, as a mean over the seeds: of
 * its last weights where the rate is annealed, of the better of its equal averages where it is
 * constant. Of equals, the first.
 */
export function chosenRate(lines: readonly EpochLine[], run: RunName): number | undefined {
  const isConstant = run === 'sgd-constant' || run === 'adam';
  const judged = isConstant ? ['swa-from-50', 'swa-from-75'] : ['live'];
  const best = ({ scores }: EpochLine): number =>
    Math.max(...judged.map((name) => scores?.[name]?.accuracy ?? -Infinity));
  const rates = rollups(
    lines.filter((line) => line.run === run && line.costs !== undefined),
    (own) => mean(own, best) ?? NaN,
    ({ lr }) => lr,
  );
  return greatest(rates, ([, accuracy]) => accuracy)?.[0];
}
