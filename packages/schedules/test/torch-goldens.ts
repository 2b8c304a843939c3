// The goldens of test/python/lr_schedules.py, and the same schedules here.
import { readFileSync } from 'node:fs';
import {
  cosineAnnealingLr,
  cosineAnnealingWarmRestarts,
  exponentialLr,
  lambdaLr,
  linearLr,
  multiStepLr,
  multiplicativeLr,
  polynomialLr,
  sequentialLr,
  stepLr,
  swaLr,
} from '@polyak/schedules';
import {
  cyclicLr,
  cyclicMomentum,
  expRange,
  oneCycleLr,
  oneCycleMomentum,
  triangular,
  triangular2,
} from '@polyak/schedules/cyclic';
import type { Schedule } from '@polyak/schedules';
import type { CyclicOptions, OneCycleOptions } from '@polyak/schedules/cyclic';

type Both<V> = { readonly lr: V; readonly momentum: V };

/** What torch gives, by name. */
export const torchGoldens: Readonly<Record<string, readonly number[] | Both<readonly number[]>>> =
  JSON.parse(readFileSync(new URL('torch-goldens.json', import.meta.url), 'utf8'));

const lr = 0.1;
const swa = { lr, swaLr: 0.05 };
const cyclic = (shape: CyclicOptions): Both<Schedule> => ({
  lr: cyclicLr({ baseLr: 0.01, maxLr: 0.1, ...shape }),
  momentum: cyclicMomentum(shape),
});
const oneCycle = (shape: Partial<OneCycleOptions>): Both<Schedule> => ({
  lr: oneCycleLr({ maxLr: 1, totalSteps: 200, ...shape }),
  momentum: oneCycleMomentum({ totalSteps: 200, ...shape }),
});
const decay = multiplicativeLr({ lr, factor: () => 0.9 });
const cosine = cosineAnnealingLr({ lr, totalSteps: 150 });

/** The schedules whose values at steps 0, 1, … torch's goldens hold. */
export const schedules: Readonly<Record<string, Schedule | Both<Schedule>>> = {
  'SWALR 0 cos': swaLr({ ...swa, annealSteps: 0 }),
  'SWALR 1 cos': swaLr({ ...swa, annealSteps: 1 }),
  'SWALR 4 cos': swaLr({ ...swa, annealSteps: 4 }),
  'SWALR 60 cos': swaLr({ ...swa, annealSteps: 60 }),
  'SWALR 0 linear': swaLr({ ...swa, annealSteps: 0, anneal: 'linear' }),
  'SWALR 1 linear': swaLr({ ...swa, annealSteps: 1, anneal: 'linear' }),
  'SWALR 4 linear': swaLr({ ...swa, annealSteps: 4, anneal: 'linear' }),
  'SWALR 60 linear': swaLr({ ...swa, annealSteps: 60, anneal: 'linear' }),
  'SWALR up 60 cos': swaLr({ lr, swaLr: 0.3, annealSteps: 60 }),
  'MultiplicativeLR then SWALR linear': sequentialLr(
    [decay, swaLr({ lr: decay(4), swaLr: 0.05, annealSteps: 4, anneal: 'linear' })],
    [4],
  ),
  'CosineAnnealingLR then SWALR cos': sequentialLr(
    [cosine, swaLr({ lr: cosine(100), swaLr: 0.05, annealSteps: 40 })],
    [100],
  ),
  'CyclicLR triangular': cyclic({ stepSizeUp: 4, scale: triangular }),
  'CyclicLR triangular2': cyclic({ stepSizeUp: 4, scale: triangular2 }),
  'CyclicLR exp_range': cyclic({ stepSizeUp: 4, scale: expRange(0.9) }),
  'CyclicLR asymmetric': cyclic({ stepSizeUp: 7, stepSizeDown: 3 }),
  'CyclicLR custom cycle': cyclic({ stepSizeUp: 4, scale: (cycle) => 1 / (1 + cycle * cycle) }),
  'CyclicLR custom iterations': cyclic({ stepSizeUp: 4, scale: (_, step) => 1 / (1 + 0.1 * step) }),
  'CosineAnnealingLR 1': cosineAnnealingLr({ lr, minLr: 0.001, totalSteps: 1 }),
  'CosineAnnealingLR 2': cosineAnnealingLr({ lr, minLr: 0.001, totalSteps: 2 }),
  'CosineAnnealingLR 30': cosineAnnealingLr({ lr, minLr: 0.001, totalSteps: 30 }),
  'CosineAnnealingLR 200': cosineAnnealingLr({ lr, minLr: 0.001, totalSteps: 200 }),
  'CosineAnnealingWarmRestarts 4': cosineAnnealingWarmRestarts({ lr, cycleSteps: 4 }),
  'CosineAnnealingWarmRestarts 2 2': cosineAnnealingWarmRestarts({
    lr,
    minLr: 0.001,
    cycleSteps: 2,
    cycleFactor: 2,
  }),
  'CosineAnnealingWarmRestarts 3 3': cosineAnnealingWarmRestarts({
    lr,
    cycleSteps: 3,
    cycleFactor: 3,
  }),
  'CosineAnnealingWarmRestarts 4 fractions': atFractions(
    cosineAnnealingWarmRestarts({ lr, cycleSteps: 4 }),
  ),
  'CosineAnnealingWarmRestarts 2 2 fractions': atFractions(
    cosineAnnealingWarmRestarts({ lr, cycleSteps: 2, cycleFactor: 2 }),
  ),
  OneCycleLR: oneCycle({}),
  'OneCycleLR linear': oneCycle({ anneal: 'linear' }),
  'OneCycleLR three phases': oneCycle({ threePhase: true }),
  'OneCycleLR three halves': oneCycle({ threePhase: true, pctStart: 0.5 }),
  'OneCycleLR options': {
    lr: oneCycleLr({
      maxLr: 0.3,
      totalSteps: 200,
      pctStart: 0.123,
      initialLr: 0.03,
      finalLr: 0.0006,
    }),
    momentum: oneCycleMomentum({
      totalSteps: 200,
      pctStart: 0.123,
      baseMomentum: 0.7,
      maxMomentum: 0.99,
    }),
  },
  'OneCycleLR no warm-up': oneCycle({ pctStart: 0 }),
  'OneCycleLR warm-up only': oneCycle({ pctStart: 1 }),
  'OneCycleLR one step': oneCycle({ totalSteps: 1 }),
  StepLR: stepLr({ lr, stepSize: 30, gamma: 0.5 }),
  MultiStepLR: multiStepLr({ lr, milestones: [20, 50, 50, 120], gamma: 0.5 }),
  'MultiStepLR from 0': multiStepLr({ lr, milestones: [100, 0], gamma: 0.5 }),
  ExponentialLR: exponentialLr({ lr, gamma: 0.97 }),
  LambdaLR: lambdaLr({ lr, factor: (step) => 1 / (1 + 0.05 * step) }),
  MultiplicativeLR: multiplicativeLr({ lr, factor: (step) => 1 - 1 / (step + 10) }),
  LinearLR: linearLr({ lr }),
  'LinearLR down': linearLr({ lr, startFactor: 1, endFactor: 0, totalSteps: 150 }),
  PolynomialLR: polynomialLr({ lr }),
  'PolynomialLR 2.5': polynomialLr({ lr, totalSteps: 150, power: 2.5 }),
  SequentialLR: sequentialLr(
    [
      linearLr({ lr, startFactor: 0.1, endFactor: 1, totalSteps: 20 }),
      cosineAnnealingLr({ lr, minLr: 0.01, totalSteps: 80 }),
      stepLr({ lr, stepSize: 30, gamma: 0.5 }),
    ],
    [20, 100],
  ),
};

function atFractions(schedule: Schedule): Schedule {
  return (index) => schedule(0.37 * index);
}
