// The result in one sentence.
import type { FinalScores, Score } from '../run.js';

/** A model compared at the end. */
export interface FinalRow extends Score {
  readonly name: string;
}

/** The final scores in the order of the tables, with the names that people read. */
export function finalRows(final: FinalScores): readonly FinalRow[] {
  return [
    { name: 'SGD', ...final.sgd },
    { name: 'SWA, old batch-norm statistics', ...final.swaOldStatistics },
    { name: 'SWA, updated batch-norm statistics', ...final.swaUpdatedStatistics },
  ];
}

/** An accuracy as tables show it, in percent. */
export function formatAccuracy(accuracy: number): string {
  return (100 * accuracy).toFixed(2);
}

/** A loss as tables show it, in nats. */
export function formatLoss(loss: number): string {
  return loss.toFixed(4);
}

/** The rows with the best shown value in each column; several where they tie. */
export function bestRows(rows: readonly FinalRow[]): {
  readonly accuracy: ReadonlySet<FinalRow>;
  readonly loss: ReadonlySet<FinalRow>;
} {
  const most = formatAccuracy(Math.max(...rows.map((row) => row.accuracy)));
  const least = formatLoss(Math.min(...rows.map((row) => row.loss)));
  return {
    accuracy: new Set(rows.filter((row) => formatAccuracy(row.accuracy) === most)),
    loss: new Set(rows.filter((row) => formatLoss(row.loss) === least)),
  };
}

/**
 * What was measured, in a line. It names no winner: one run is one draw.
 *
 * @param testImages - how many images both were tested on
 */
export function verdict(final: FinalScores, testImages: number): string {
  const { sgd, swaUpdatedStatistics: swa } = final;
  return (
    `${formatAccuracy(swa.accuracy)} % test accuracy with SWA, ` +
    `${formatAccuracy(sgd.accuracy)} % with plain SGD: one seed, ` +
    `${testImages.toLocaleString('en')} test images.`
  );
}
