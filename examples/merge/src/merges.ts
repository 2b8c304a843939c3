// The merges that are compared: which files, by which weights.
import { mean, weighted } from '@polyak/checkpoints';
import type { LinearMerge } from '@polyak/checkpoints';
import { decayWeights, exponentialWeights, gammaOf, postHocWeights } from '@polyak/core/rules';

/** A file that training wrote. */
export interface Saved {
  readonly step: number;
  readonly path: string;
}

/** A running average that training wrote. */
export interface Snapshot extends Saved {
  /** The exponent of its profile. */
  readonly gamma: number;
}

/** A merge of files. */
export interface Merge {
  readonly name: string;
  /** The name of the file that it makes. */
  readonly file: string;
  readonly inputs: readonly Saved[];
  readonly method: LinearMerge;
}

/** The curves of a decay after the fact. */
export const CURVES = ['linear', 'cosine', 'minus-sqrt'] as const;

// The width of the running average that is made of others, as a share of the run.
const WIDTH = 0.15;

/**
 * The merges of the table.
 *
 * @param saved - the checkpoints of a run, in order
 * @param snapshots - of running averages of the same run
 * @param count - how many of the last checkpoints are merged
 */
export function tableMerges(
  saved: readonly Saved[],
  snapshots: readonly Snapshot[],
  count: number,
): readonly Merge[] {
  const inputs = saved.slice(-count);
  const steps = saved.at(-1)?.step ?? 0;
  const profile = { step: steps, gamma: gammaOf(WIDTH) };
  return [
    { name: `mean of the last ${count}`, file: 'mean', inputs, method: mean(count) },
    ...(['cosine', 'minus-sqrt'] as const).map((curve) => curveMerge(saved, curve, count)),
    {
      name: `exponential, decay 0.8, of the last ${count}`,
      file: 'exponential',
      inputs,
      method: weighted(exponentialWeights(0.8, count)),
    },
    {
      name: `post-hoc EMA of width ${100 * WIDTH} %, of ${snapshots.length} snapshots`,
      file: 'post-hoc',
      inputs: snapshots,
      method: weighted(postHocWeights(snapshots, profile)),
    },
  ];
}

/** The merge of the last checkpoints that stands in for a decay by a curve. */
export function curveMerge(
  saved: readonly Saved[],
  curve: (typeof CURVES)[number],
  count: number,
): Merge {
  return {
    name: `decay ${curve} over the last ${count}`,
    file: `${curve}-${count}`,
    inputs: saved.slice(-count),
    method: weighted(decayWeights(curve, count)),
  };
}

/** How many checkpoints the merges of the plot take: 1, then about twice as many each time. */
export function durations(available: number): readonly number[] {
  const counts = [1, 2, 3, 5, 10, 15, 20, 30, 40];
  return counts.filter((count) => count <= available);
}
