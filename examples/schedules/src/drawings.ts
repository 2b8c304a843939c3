// What the page shows: every schedule of the library, over 200 steps.
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
  sequentialLr,
  snapshotLr,
  stepLr,
  swaLr,
  swaPaperLr,
} from '@polyak/schedules';
import {
  cyclicLr,
  cyclicMomentum,
  expRange,
  oneCycleLr,
  oneCycleMomentum,
  triangular2,
} from '@polyak/schedules/cyclic';
import type { Schedule } from '@polyak/schedules';

/** One schedule with its words. */
export interface Drawing {
  /** The function's name. */
  readonly title: string;
  /** What it does, in a sentence. */
  readonly caption: string;
  readonly axis: 'learning rate' | 'momentum';
  /** Its value at each step. */
  readonly values: readonly number[];
}

/** Steps shown. */
export const stepCount = 200;

const lr = 0.1;
const warmUp = linearLr({ lr, startFactor: 0.1, totalSteps: 20 });
const cosine = cosineAnnealingLr({ lr, totalSteps: 160 });

/** In the order of the page. */
export const drawings: readonly Drawing[] = [
  rate(
    'swaLr',
    'Half a cosine to the constant rate of SWA, in 60 steps.',
    swaLr({ lr, swaLr: 0.05, annealSteps: 60 }),
  ),
  {
    title: 'chainedSwaLr',
    caption:
      'The same from the rate before, along a line; at step 100, someone else sets the rate to ' +
      '0.1.',
    axis: 'learning rate',
    values: chained(),
  },
  rate(
    'swaPaperLr',
    'The SWA paper: flat for half of the steps, linear until 90 %.',
    swaPaperLr({ lr, finalLr: 0.02, totalSteps: 200 }),
  ),
  rate(
    'cyclicSwaLr',
    'The SWA paper’s cycles: averages are taken at the low points.',
    cyclicSwaLr({ maxLr: lr, minLr: 0.02, cycleSteps: 40 }),
  ),
  rate(
    'snapshotLr',
    'A snapshot at the end of each of five cycles.',
    snapshotLr({ lr, totalSteps: 200, cycles: 5 }),
  ),
  rate(
    'sequentialLr',
    'Warm-up, then a cosine, then the constant rate of SWA from where the cosine is.',
    sequentialLr(
      [warmUp, cosine, swaLr({ lr: cosine(100), swaLr: 0.05, annealSteps: 30 })],
      [20, 120],
    ),
  ),
  rate(
    'cyclicLr',
    'Triangles, every one as high.',
    cyclicLr({ baseLr: 0.01, maxLr: lr, stepSizeUp: 25 }),
  ),
  rate(
    'cyclicLr, triangular2',
    'Triangles, every one half as high.',
    cyclicLr({ baseLr: 0.01, maxLr: lr, stepSizeUp: 25, scale: triangular2 }),
  ),
  rate(
    'cyclicLr, expRange',
    'Triangles that shrink with every step; down faster than up.',
    cyclicLr({ baseLr: 0.01, maxLr: lr, stepSizeUp: 30, stepSizeDown: 10, scale: expRange(0.99) }),
  ),
  momentum(
    'cyclicMomentum',
    'Low where the rate of cyclicLr is high.',
    cyclicMomentum({ stepSizeUp: 25 }),
  ),
  rate(
    'oneCycleLr',
    'Up for 30 % of the steps, then down to almost nothing.',
    oneCycleLr({ maxLr: lr, totalSteps: 200 }),
  ),
  rate(
    'oneCycleLr, three phases',
    'Up, down as fast, and on to the end; along lines.',
    oneCycleLr({ maxLr: lr, totalSteps: 200, threePhase: true, anneal: 'linear' }),
  ),
  momentum(
    'oneCycleMomentum',
    'Low where the rate of oneCycleLr is high.',
    oneCycleMomentum({ totalSteps: 200 }),
  ),
  rate(
    'cosineAnnealingLr',
    'Half a cosine down in 150 steps, then up again.',
    cosineAnnealingLr({ lr, totalSteps: 150 }),
  ),
  rate(
    'cosineAnnealingWarmRestarts',
    'Cycles of 28, 56 and 112 steps.',
    cosineAnnealingWarmRestarts({ lr, cycleSteps: 28, cycleFactor: 2 }),
  ),
  rate('stepLr', 'Halved every 50 steps.', stepLr({ lr, stepSize: 50, gamma: 0.5 })),
  rate(
    'multiStepLr',
    'Halved at steps 30, 80 and 160.',
    multiStepLr({ lr, milestones: [30, 80, 160], gamma: 0.5 }),
  ),
  rate('exponentialLr', 'Times 0.98 at every step.', exponentialLr({ lr, gamma: 0.98 })),
  rate(
    'lambdaLr',
    'Any factor: here 1 / (1 + 0.05 · step).',
    lambdaLr({ lr, factor: (step) => 1 / (1 + 0.05 * step) }),
  ),
  rate(
    'multiplicativeLr',
    'Any factor on the rate before: here 1 − 1 / (step + 50).',
    multiplicativeLr({ lr, factor: (step) => 1 - 1 / (step + 50) }),
  ),
  rate(
    'linearLr',
    'A line from a quarter of the rate, in 80 steps.',
    linearLr({ lr, startFactor: 0.25, totalSteps: 80 }),
  ),
  rate(
    'polynomialLr',
    'The square of what is left of 150 steps.',
    polynomialLr({ lr, totalSteps: 150, power: 2 }),
  ),
  {
    title: 'reduceLrOnPlateau',
    caption:
      'Halved where a noisy loss, flat from step 60 on, has not improved for more than 15 steps.',
    axis: 'learning rate',
    values: plateau(),
  },
];

function rate(title: string, caption: string, schedule: Schedule): Drawing {
  return { title, caption, axis: 'learning rate', values: valuesOf(schedule) };
}

function momentum(title: string, caption: string, schedule: Schedule): Drawing {
  return { title, caption, axis: 'momentum', values: valuesOf(schedule) };
}

function valuesOf(schedule: Schedule): readonly number[] {
  return Array.from({ length: stepCount }, (_, step) => schedule(step));
}

function chained(): readonly number[] {
  const next = chainedSwaLr({ swaLr: 0.05, annealSteps: 150, anneal: 'linear' });
  let value = lr;
  return Array.from(
    { length: stepCount },
    (_, step) => (value = next(step, step === 100 ? lr : value)),
  );
}

function plateau(): readonly number[] {
  const { initial, next } = reduceLrOnPlateau({ lr, factor: 0.5, patience: 15 });
  let state = initial;
  return Array.from({ length: stepCount }, (_, step) => {
    state = next(state, 1 / (1 + Math.min(step, 60) / 10) + 0.05 * Math.sin(12.9898 * step) ** 2);
    return state.lr;
  });
}
