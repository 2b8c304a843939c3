// Options of schedules that were right before they were changed, and odd steps.
import * as schedules from '@polyak/schedules';
import type { Schedule } from '@polyak/schedules';
import * as cyclic from '@polyak/schedules/cyclic';
import { describe, it } from 'vitest';
import { FUZZ_TIMEOUT } from '../../../../tests/fuzz/fuzz-run.js';
import { expectSurvival } from '../../../../tests/fuzz/survive.js';
import type { Call } from '../../../../tests/fuzz/survive.js';

const { exponentialLr, reduceLrOnPlateau } = schedules;
const line: Schedule = (step) => 1 / (step + 1);

/** Right arguments of each schedule, the schedule, and a step. */
const SCHEDULES: readonly (readonly [unknown[], (...given: never[]) => unknown])[] = [
  [[{ lr: 1, minLr: 0.1, totalSteps: 5 }], schedules.cosineAnnealingLr],
  [[{ lr: 1, minLr: 0, cycleSteps: 2, cycleFactor: 2 }], schedules.cosineAnnealingWarmRestarts],
  [[{ maxLr: 1, minLr: 0.1, cycleSteps: 3 }], schedules.cyclicSwaLr],
  [[{ lr: 1, gamma: 0.5 }], exponentialLr],
  [[{ lr: 1, factor: line }], schedules.lambdaLr],
  [[{ lr: 1, startFactor: 0.1, endFactor: 1, totalSteps: 4 }], schedules.linearLr],
  [[{ lr: 1, milestones: [1, 3], gamma: 0.1 }], schedules.multiStepLr],
  [[{ lr: 1, factor: line }], schedules.multiplicativeLr],
  [[{ lr: 1, totalSteps: 5, power: 2 }], schedules.polynomialLr],
  [[[line, line], [2]], schedules.sequentialLr],
  [[{ lr: 1, totalSteps: 9, cycles: 3 }], schedules.snapshotLr],
  [[{ lr: 1, stepSize: 2, gamma: 0.1 }], schedules.stepLr],
  [[{ lr: 1, swaLr: 0.5, annealSteps: 3, anneal: 'cos' }], schedules.swaLr],
  [[{ swaLr: 0.5, annealSteps: 3, anneal: 'linear' }], schedules.chainedSwaLr],
  [[{ lr: 1, finalLr: 0.5, totalSteps: 9 }], schedules.swaPaperLr],
  [[{ baseLr: 0.1, maxLr: 1, stepSizeUp: 2, stepSizeDown: 3, scale: line }], cyclic.cyclicLr],
  [[{ baseMomentum: 0.1, maxMomentum: 0.9, stepSizeUp: 2 }], cyclic.cyclicMomentum],
  [[{ totalSteps: 9, maxLr: 1, pctStart: 0.2, anneal: 'linear' }], cyclic.oneCycleLr],
  [[{ totalSteps: 9, baseMomentum: 0.5, threePhase: true }], cyclic.oneCycleMomentum],
];

const PLATEAU = {
  lr: 1,
  mode: 'max',
  factor: 0.5,
  patience: 2,
  threshold: 0,
  thresholdMode: 'abs',
  cooldown: 1,
  minLr: 0,
  eps: 0,
};

describe('a fuzzer', () => {
  it(
    'finds no arguments of schedules that are neither taken nor refused',
    async () => {
      const calls = SCHEDULES.map(([given, make]): Call => [
        [...given, 2, 0.1],
        (...args) => {
          const schedule = make(...args.slice(0, given.length)) as (...at: never[]) => unknown;
          return schedule(...args.slice(given.length));
        },
      ]);
      await expectSurvival({
        kind: 'arguments of schedules',
        count: 2000,
        calls: [
          ...calls,
          [
            [PLATEAU, 1],
            (options, metric) => {
              const { initial, next } = reduceLrOnPlateau(options);
              next(next(initial, metric), metric);
            },
          ],
          [
            [reduceLrOnPlateau({ lr: 1 }).initial, 1],
            (state, metric) => reduceLrOnPlateau({ lr: 1 }).next(state, metric),
          ],
        ],
      });
    },
    FUZZ_TIMEOUT,
  );
});
