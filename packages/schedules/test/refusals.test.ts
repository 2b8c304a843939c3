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
} from '@polyak/schedules/cyclic';
import { describe, expect, it } from 'vitest';
import { schedules } from './torch-goldens.js';

const lr = 0.1;
const AMOUNTS = [-0.1, NaN, Infinity, '0.1'] as number[];
const INTEGERS = [0, -1, 1.5, NaN, Infinity, '3'] as number[];
const NATURALS = [-1, 1.5, NaN, Infinity] as const;

/** What is refused: the argument that is named, bad values of it, and the call. */
const refusals: readonly (readonly [string, readonly unknown[], (value: never) => unknown])[] = [
  ['stepLr: lr', AMOUNTS, (value) => stepLr({ lr: value, stepSize: 1 })],
  ['stepLr: gamma', AMOUNTS, (value) => stepLr({ lr, stepSize: 1, gamma: value })],
  ['stepLr: stepSize', INTEGERS, (value) => stepLr({ lr, stepSize: value })],
  ['multiStepLr: lr', AMOUNTS, (value) => multiStepLr({ lr: value, milestones: [] })],
  ['multiStepLr: gamma', AMOUNTS, (value) => multiStepLr({ lr, milestones: [], gamma: value })],
  ['multiStepLr: milestone', NATURALS, (value) => multiStepLr({ lr, milestones: [3, value] })],
  ['exponentialLr: lr', AMOUNTS, (value) => exponentialLr({ lr: value, gamma: 1 })],
  ['exponentialLr: gamma', AMOUNTS, (value) => exponentialLr({ lr, gamma: value })],
  ['lambdaLr: lr', AMOUNTS, (value) => lambdaLr({ lr: value, factor: () => 1 })],
  ['lambdaLr: factor', [1, undefined], (value) => lambdaLr({ lr, factor: value })],
  [
    'lambdaLr(5): value',
    [-0.1, NaN, Infinity],
    (value) => lambdaLr({ lr: 1, factor: () => value })(5),
  ],
  ['multiplicativeLr: lr', AMOUNTS, (value) => multiplicativeLr({ lr: value, factor: () => 1 })],
  ['multiplicativeLr: factor', [1, undefined], (value) => multiplicativeLr({ lr, factor: value })],
  ['multiplicativeLr: step', [0.5], (value) => multiplicativeLr({ lr, factor: () => 1 })(value)],
  ['linearLr: lr', AMOUNTS, (value) => linearLr({ lr: value })],
  ['linearLr: startFactor', [-0.1, 1.1, NaN], (value) => linearLr({ lr, startFactor: value })],
  ['linearLr: endFactor', [-0.1, 1.1, NaN], (value) => linearLr({ lr, endFactor: value })],
  ['linearLr: totalSteps', INTEGERS, (value) => linearLr({ lr, totalSteps: value })],
  ['polynomialLr: lr', AMOUNTS, (value) => polynomialLr({ lr: value })],
  ['polynomialLr: power', AMOUNTS, (value) => polynomialLr({ lr, power: value })],
  ['polynomialLr: totalSteps', INTEGERS, (value) => polynomialLr({ lr, totalSteps: value })],
  ['cosineAnnealingLr: lr', AMOUNTS, (value) => cosineAnnealingLr({ lr: value, totalSteps: 1 })],
  [
    'cosineAnnealingLr: minLr',
    AMOUNTS,
    (value) => cosineAnnealingLr({ lr, minLr: value, totalSteps: 1 }),
  ],
  [
    'cosineAnnealingLr: totalSteps',
    INTEGERS,
    (value) => cosineAnnealingLr({ lr, totalSteps: value }),
  ],
  [
    'cosineAnnealingWarmRestarts: cycleSteps',
    INTEGERS,
    (value) => cosineAnnealingWarmRestarts({ lr, cycleSteps: value }),
  ],
  [
    'cosineAnnealingWarmRestarts: cycleFactor',
    INTEGERS,
    (value) => cosineAnnealingWarmRestarts({ lr, cycleSteps: 2, cycleFactor: value }),
  ],
  ['cyclicLr: baseLr', AMOUNTS, (value) => cyclicLr({ baseLr: value, maxLr: 1 })],
  ['cyclicLr: maxLr', AMOUNTS, (value) => cyclicLr({ baseLr: 1, maxLr: value })],
  [
    'cyclicLr: stepSizeUp',
    INTEGERS,
    (value) => cyclicLr({ baseLr: 0, maxLr: 1, stepSizeUp: value }),
  ],
  [
    'cyclicLr: stepSizeDown',
    INTEGERS,
    (value) => cyclicLr({ baseLr: 0, maxLr: 1, stepSizeDown: value }),
  ],
  [
    'cyclicLr: scale',
    ['triangular2', null],
    (value) => cyclicLr({ baseLr: 0, maxLr: 1, scale: value }),
  ],
  ['cyclicMomentum: baseMomentum', AMOUNTS, (value) => cyclicMomentum({ baseMomentum: value })],
  ['cyclicMomentum: scale', ['exp_range'], (value) => cyclicMomentum({ scale: value })],
  ['expRange: gamma', AMOUNTS, (value) => expRange(value)],
  [
    'oneCycleLr: maxLr',
    AMOUNTS,
    (value) => oneCycleLr({ maxLr: value, initialLr: 1, totalSteps: 9 }),
  ],
  [
    'oneCycleLr: initialLr',
    AMOUNTS,
    (value) => oneCycleLr({ maxLr: 1, initialLr: value, totalSteps: 9 }),
  ],
  [
    'oneCycleLr: finalLr',
    AMOUNTS,
    (value) => oneCycleLr({ maxLr: 1, finalLr: value, totalSteps: 9 }),
  ],
  ['oneCycleLr: totalSteps', INTEGERS, (value) => oneCycleLr({ maxLr: 1, totalSteps: value })],
  [
    'oneCycleLr: pctStart',
    [-0.1, 1.1, NaN],
    (value) => oneCycleLr({ maxLr: 1, totalSteps: 9, pctStart: value }),
  ],
  [
    'oneCycleMomentum: maxMomentum',
    AMOUNTS,
    (value) => oneCycleMomentum({ totalSteps: 9, maxMomentum: value }),
  ],
  ['swaLr: lr', AMOUNTS, (value) => swaLr({ lr: value, swaLr: 1 })],
  ['swaLr: swaLr', AMOUNTS, (value) => swaLr({ lr, swaLr: value })],
  ['swaLr: annealSteps', NATURALS, (value) => swaLr({ lr, swaLr: 1, annealSteps: value })],
  ['chainedSwaLr: swaLr', AMOUNTS, (value) => chainedSwaLr({ swaLr: value })],
  [
    'chainedSwaLr: annealSteps',
    NATURALS,
    (value) => chainedSwaLr({ swaLr: 1, annealSteps: value }),
  ],
  ['chainedSwaLr: step', AMOUNTS, (value) => chainedSwaLr({ swaLr: 1 })(value, 1)],
  ['chainedSwaLr: lr', AMOUNTS, (value) => chainedSwaLr({ swaLr: 1 })(1, value)],
  [
    'swaPaperLr: lr',
    [0, ...AMOUNTS],
    (value) => swaPaperLr({ lr: value, finalLr: 1, totalSteps: 1 }),
  ],
  ['swaPaperLr: finalLr', AMOUNTS, (value) => swaPaperLr({ lr, finalLr: value, totalSteps: 1 })],
  [
    'swaPaperLr: totalSteps',
    INTEGERS,
    (value) => swaPaperLr({ lr, finalLr: 1, totalSteps: value }),
  ],
  [
    'cyclicSwaLr: minLr',
    AMOUNTS,
    (value) => cyclicSwaLr({ maxLr: 1, minLr: value, cycleSteps: 1 }),
  ],
  [
    'cyclicSwaLr: maxLr',
    [0.4, ...AMOUNTS],
    (value) => cyclicSwaLr({ maxLr: value, minLr: 0.5, cycleSteps: 1 }),
  ],
  [
    'cyclicSwaLr: cycleSteps',
    INTEGERS,
    (value) => cyclicSwaLr({ maxLr: 1, minLr: 0, cycleSteps: value }),
  ],
  ['snapshotLr: lr', AMOUNTS, (value) => snapshotLr({ lr: value, totalSteps: 9, cycles: 3 })],
  ['snapshotLr: totalSteps', INTEGERS, (value) => snapshotLr({ lr, totalSteps: value, cycles: 3 })],
  [
    'snapshotLr: cycles',
    [10, ...INTEGERS],
    (value) => snapshotLr({ lr, totalSteps: 9, cycles: value }),
  ],
  [
    'sequentialLr: milestones.length',
    [[], [1, 2]],
    (value) => sequentialLr([Number, Number], value),
  ],
  [
    'sequentialLr: milestone',
    [
      [0, 2],
      [2, 2],
      [4, 2],
      [1.5, 2],
    ],
    (value) => sequentialLr([Number, Number, Number], value),
  ],
  ['sequentialLr: a schedule', [0.1], (value) => sequentialLr([value], [])],
  ['reduceLrOnPlateau: lr', AMOUNTS, (value) => reduceLrOnPlateau({ lr: value })],
  [
    'reduceLrOnPlateau: factor',
    [-0.1, 1.1, NaN],
    (value) => reduceLrOnPlateau({ lr, factor: value }),
  ],
  ['reduceLrOnPlateau: patience', NATURALS, (value) => reduceLrOnPlateau({ lr, patience: value })],
  ['reduceLrOnPlateau: cooldown', NATURALS, (value) => reduceLrOnPlateau({ lr, cooldown: value })],
  ['reduceLrOnPlateau: threshold', AMOUNTS, (value) => reduceLrOnPlateau({ lr, threshold: value })],
  ['reduceLrOnPlateau: minLr', AMOUNTS, (value) => reduceLrOnPlateau({ lr, minLr: value })],
  ['reduceLrOnPlateau: eps', AMOUNTS, (value) => reduceLrOnPlateau({ lr, eps: value })],
  ['reduceLrOnPlateau: metric', [NaN, Infinity, undefined], (value) => atPlateau({}, value)],
  ['reduceLrOnPlateau: lr', AMOUNTS, (value) => atPlateau({ lr: value }, 1)],
  ['reduceLrOnPlateau: best', [undefined, NaN], (value) => atPlateau({ best: value }, 1)],
  ['reduceLrOnPlateau: bad', [undefined, NaN], (value) => atPlateau({ bad: value }, 1)],
  ['reduceLrOnPlateau: wait', [undefined, NaN], (value) => atPlateau({ wait: value }, 1)],
];

function atPlateau(state: object, metric: number): unknown {
  const { initial, next } = reduceLrOnPlateau({ lr });
  return next({ ...initial, ...state }, metric);
}

describe('schedules refuse', () => {
  it.each(refusals)('%s of %j', (name, values, call) => {
    for (const value of values) {
      let caught: unknown;
      try {
        call(value as never);
      } catch (error) {
        caught = error;
      }
      const isFunction = /: (?:factor|scale|a schedule)$/.test(name) && !name.startsWith('reduce');
      expect(caught).toBeInstanceOf(isFunction ? TypeError : RangeError);
      expect((caught as Error).message.slice(0, name.length + 4)).toBe(`${name} is `);
    }
  });

  const all = Object.entries(schedules).flatMap(([name, schedule]) =>
    typeof schedule === 'function'
      ? [[name, schedule] as const]
      : [[name, schedule.lr] as const, [`${name}, momentum`, schedule.momentum] as const],
  );

  it.each(all.filter(([name]) => !name.includes('fractions')))(
    'a step that is not a number >= 0: %s',
    (_, schedule) => {
      for (const step of [-1, NaN, Infinity, undefined as unknown as number]) {
        expect(() => schedule(step)).toThrow(/: step is .*, expected a finite number in \[0, /);
      }
    },
  );

  it.each<[string, (word: never) => unknown]>([
    ['swaLr: anneal', (word) => swaLr({ lr: 1, swaLr: 1, anneal: word })],
    ['chainedSwaLr: anneal', (word) => chainedSwaLr({ swaLr: 1, anneal: word })],
    ['oneCycleLr: anneal', (word) => oneCycleLr({ maxLr: 1, totalSteps: 9, anneal: word })],
    ['reduceLrOnPlateau: mode', (word) => reduceLrOnPlateau({ lr: 1, mode: word })],
    [
      'reduceLrOnPlateau: thresholdMode',
      (word) => reduceLrOnPlateau({ lr: 1, thresholdMode: word }),
    ],
  ])('an unknown word: %s', (option, make) => {
    for (const word of ['cosine', true, null] as never[]) {
      expect(() => make(word)).toThrow(RangeError);
      expect(() => make(word)).toThrow(`${option} is ${String(word)}, expected `);
    }
  });

  it('a list with holes, at the first one', () => {
    const sparse = Object.assign([], { length: 2 ** 32 - 1 }) as never;
    expect(() => multiStepLr({ lr, milestones: sparse })).toThrow(
      new TypeError('multiStepLr: milestones[0] is undefined, expected a value.'),
    );
    expect(() => sequentialLr(sparse, [])).toThrow(
      new TypeError('sequentialLr: schedules[0] is undefined, expected a value.'),
    );
    expect(() => sequentialLr([Number, Number], sparse)).toThrow(
      new TypeError('sequentialLr: milestones[0] is undefined, expected a value.'),
    );
  });

  it.each([null, undefined, 1, 'state'])('a state of a plateau that is %j', (state) => {
    const found = String(state);
    expect(() => reduceLrOnPlateau({ lr }).next(state as never, 1)).toThrow(
      new TypeError(`reduceLrOnPlateau: state is ${found}, expected an object.`),
    );
  });

  it('a rate that overflows', () => {
    expect(() => exponentialLr({ lr: 1, gamma: 10 })(400)).toThrow(
      'exponentialLr(400): value is Infinity',
    );
  });
});
