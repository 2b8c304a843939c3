import {
  chainedSwaLr,
  cosineAnnealingLr,
  cosineAnnealingWarmRestarts,
  cyclicSwaLr,
  exponentialLr,
  lambdaLr,
  linearLr,
  multiStepLr,
  multiplicativeLr,
  polynomialLr,
  reduceLrOnPlateau,
  snapshotLr,
  stepLr,
  swaLr,
  swaPaperLr,
} from '@polyak/schedules';
import { cyclicLr, cyclicMomentum, oneCycleLr, oneCycleMomentum } from '@polyak/schedules/cyclic';
import { describe, expect, it } from 'vitest';

const lr = 0.1;

/** Options of torch's, or spelt wrong, that were ignored. */
const unknown: readonly (readonly [string, string, (options: never) => unknown, object])[] = [
  ['chainedSwaLr', 'annealStrategy', chainedSwaLr, { swaLr: 1 }],
  ['cosineAnnealingLr', 'etaMin', cosineAnnealingLr, { lr, totalSteps: 5 }],
  ['cosineAnnealingWarmRestarts', 'TMult', cosineAnnealingWarmRestarts, { lr, cycleSteps: 2 }],
  ['cyclicLr', 'mode', cyclicLr, { baseLr: 0, maxLr: 1 }],
  ['cyclicMomentum', 'cycleMomentum', cyclicMomentum, {}],
  ['cyclicSwaLr', 'lr', cyclicSwaLr, { maxLr: 1, minLr: 0, cycleSteps: 2 }],
  ['exponentialLr', 'lastEpoch', exponentialLr, { lr, gamma: 1 }],
  ['lambdaLr', 'lrLambda', lambdaLr, { lr, factor: () => 1 }],
  ['linearLr', 'totalIters', linearLr, { lr }],
  ['multiStepLr', 'gama', multiStepLr, { lr, milestones: [1] }],
  ['multiplicativeLr', 'lrLambda', multiplicativeLr, { lr, factor: () => 1 }],
  ['oneCycleLr', 'divFactor', oneCycleLr, { maxLr: 1, totalSteps: 9 }],
  ['oneCycleMomentum', 'maxLr', oneCycleMomentum, { totalSteps: 9 }],
  ['polynomialLr', 'totalIters', polynomialLr, { lr }],
  ['reduceLrOnPlateau', 'patiance', reduceLrOnPlateau, { lr }],
  ['snapshotLr', 'snapshots', snapshotLr, { lr, totalSteps: 9, cycles: 3 }],
  ['stepLr', 'gama', stepLr, { lr, stepSize: 1 }],
  ['swaLr', 'annealStrategy', swaLr, { lr, swaLr: 1 }],
  ['swaPaperLr', 'minLr', swaPaperLr, { lr, finalLr: 0, totalSteps: 9 }],
];

describe('schedules refuse', () => {
  it.each(unknown)('an option that %s does not have: %s', (call, name, make, known) => {
    expect(() => make(known as never)).not.toThrow();
    expect(() => make({ ...known, [name]: 1 } as never)).toThrow(
      new TypeError(`${call} has no option ${name}.`),
    );
  });
});
