// A line an epoch, for the terminal.
import type { EpochLine } from './surroundings.js';

/**
 * What an epoch came to.
 *
 * @param seconds - the leg's time so far
 */
export function describeEpoch(
  { seed, leg, epoch, learningRate, trainLoss, live, averages = [] }: EpochLine,
  seconds: number,
): string {
  return [
    `seed ${seed} ${leg} ${epoch}: learning rate ${learningRate.toPrecision(2)}`,
    `training loss ${trainLoss.toFixed(3)}`,
    ...(live ? [`accuracy ${formatAccuracy(live.accuracy)} %`] : []),
    ...averages.map(
      ({ name, oldStatistics, updatedStatistics }) =>
        `${name} ${formatAccuracy(oldStatistics.accuracy)} %, ` +
        `batch norm updated ${formatAccuracy(updatedStatistics.accuracy)} %`,
    ),
    `${seconds.toFixed(0)} s`,
  ].join(', ');
}

function formatAccuracy(accuracy: number): string {
  return (100 * accuracy).toFixed(2);
}
