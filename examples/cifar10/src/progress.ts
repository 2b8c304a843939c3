// A line an epoch, for the terminal.
import type { EpochLine } from './run-leg.js';
import type { Settings } from './settings.js';

/**
 * What an epoch came to.
 *
 * @param seconds - the leg's time so far
 */
export function describeEpoch(
  { seed, leg, epoch, learningRate, trainLoss, live, averages = [] }: EpochLine,
  { epochs }: Pick<Settings, 'epochs'>,
  seconds: number,
): string {
  return [
    `seed ${seed} ${leg} ${epoch}/${epochs}: learning rate ${learningRate.toPrecision(2)}`,
    `training loss ${trainLoss.toFixed(3)}`,
    ...(live ? [`accuracy ${formatAccuracy(live.accuracy)} %`] : []),
    ...averages.map(
      ({ from, oldStatistics, updatedStatistics }) =>
        `averaged from ${formatPart(from)} ${formatAccuracy(oldStatistics.accuracy)} %, ` +
        `batch norm updated ${formatAccuracy(updatedStatistics.accuracy)} %`,
    ),
    `${seconds.toFixed(0)} s`,
  ].join(', ');
}

/** An accuracy as tables show it, in percent. */
export function formatAccuracy(accuracy: number): string {
  return (100 * accuracy).toFixed(2);
}

/** A part of the budget. */
export function formatPart(part: number): string {
  return `${Number((100 * part).toFixed(1))} %`;
}
