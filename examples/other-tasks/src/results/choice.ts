// Which rates the validation chose.
import { greatest } from 'd3-array';

import type { RunName } from '../runs.js';
import type { EpochLine } from '../train.js';

/**
 * The rate of a run with the best accuracy on the validation samples: of its last weights, and of
 * its equal averages where the rate is constant and the averages are what it is for.
 */
export function chosenRate(lines: readonly EpochLine[], run: RunName): number | undefined {
  const judged = run === 'sgd-constant' ? ['swa-from-50', 'swa-from-75'] : ['live'];
  const last = lines.filter((line) => line.run === run && line.costs !== undefined);
  const best = (line: EpochLine): number =>
    Math.max(...judged.map((name) => line.scores?.[name]?.accuracy ?? -Infinity));
  return greatest(last, best)?.lr;
}
