// The learning rate of each step of a leg, by the library's schedules.
import { snapshotLr, swaPaperLr } from '@polyak/schedules';
import type { Schedule } from '@polyak/schedules';
import { cyclicLr } from '@polyak/schedules/cyclic';

import type { Leg } from './leg.js';

/**
 * The learning rate of a leg.
 *
 * @param initialRate - the rate of the trunk
 * @param stepsPerEpoch - steps of an epoch
 * @returns a function of the steps taken since the beginning of the training
 */
export function ratesOf(
  { rates, after, lastEpoch }: Leg,
  initialRate: number,
  stepsPerEpoch: number,
): Schedule {
  const firstStep = (after?.epoch ?? 0) * stepsPerEpoch;
  const totalSteps = lastEpoch * stepsPerEpoch;
  if (rates.kind === 'constant') return () => initialRate;
  if (rates.kind === 'paper') {
    return swaPaperLr({ lr: initialRate, finalLr: rates.finalRate, totalSteps });
  }
  const cycleSteps = rates.cycleEpochs * stepsPerEpoch;
  const legSteps = totalSteps - firstStep;
  const cycle =
    rates.kind === 'cosines'
      ? snapshotLr({ lr: initialRate, totalSteps: legSteps, cycles: legSteps / cycleSteps })
      : // It begins at the top: the base of torch's cycle is the higher rate here.
        cyclicLr({ baseLr: rates.highest, maxLr: rates.lowest, stepSizeUp: cycleSteps / 2 });
  return (step) => cycle(step - firstStep);
}
