// Who won, in one honest sentence: also where SWA did not.
import type { FinalScores, Score } from './run.js';

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
 * Says whether SWA with updated batch-norm statistics beat plain SGD, by the test images read
 * right.
 *
 * @param testImages - how many images both were tested on
 */
export function verdict(final: FinalScores, testImages: number): string {
  const { sgd, swaUpdatedStatistics: swa } = final;
  const margin = Math.round(swa.accuracy * testImages) - Math.round(sgd.accuracy * testImages);
  const total = testImages.toLocaleString('en');
  if (margin === 0) {
    return (
      'A tie: SWA with updated batch-norm statistics and plain SGD both read ' +
      `${formatAccuracy(sgd.accuracy)} % of ${total} test images right.`
    );
  }
  const more = `${Math.abs(margin).toLocaleString('en')} more of ${total}`;
  return margin > 0
    ? `SWA with updated batch-norm statistics wins: it reads ${formatAccuracy(swa.accuracy)} % ` +
        `of the test images right, plain SGD ${formatAccuracy(sgd.accuracy)} % (${more}).`
    : `Plain SGD wins this time: it reads ${formatAccuracy(sgd.accuracy)} % of the test images ` +
        'right, SWA with updated batch-norm statistics ' +
        `${formatAccuracy(swa.accuracy)} % (${more}).`;
}
