// The schedules of papers, which torch does not have; and what torch gets wrong.
import {
  chainedSwaLr,
  cosineAnnealingWarmRestarts,
  cyclicSwaLr,
  multiplicativeLr,
  reduceLrOnPlateau,
  snapshotLr,
  swaLr,
  swaPaperLr,
} from '@polyak/schedules';
import { oneCycleLr, oneCycleMomentum } from '@polyak/schedules/cyclic';
import { describe, expect, it } from 'vitest';

const steps = (count: number): number[] => Array.from({ length: count }, (_, step) => step);

describe('swaPaperLr', () => {
  it.each([
    [0, 1],
    [25, 1],
    [50, 1],
    [60, 0.7525],
    [70, 0.505],
    [80, 0.2575],
    [90, 0.01],
    [95, 0.01],
    [100, 0.01],
    [150, 0.01],
  ])('at step %d of 100 is %d times the initial rate, for a ratio of 0.01', (step, factor) => {
    expect(swaPaperLr({ lr: 0.1, finalLr: 0.001, totalSteps: 100 })(step)).toBeCloseTo(
      0.1 * factor,
      12,
    );
  });

  it('has the numbers of the paper’s train.py', () => {
    const train = (epoch: number, total: number, lr: number, ratio: number): number => {
      const t = epoch / total;
      if (t <= 0.5) return lr;
      return lr * (t <= 0.9 ? 1 - ((1 - ratio) * (t - 0.5)) / 0.4 : ratio);
    };
    const schedule = swaPaperLr({ lr: 0.1, finalLr: 0.05, totalSteps: 161 });
    for (const step of steps(200))
      expect(schedule(step)).toBeCloseTo(train(step, 161, 0.1, 0.5), 12);
  });

  it('never moves where both rates are one', () => {
    expect(new Set(steps(200).map(swaPaperLr({ lr: 0.1, finalLr: 0.1, totalSteps: 150 })))).toEqual(
      new Set([0.1]),
    );
  });
});

describe('cyclicSwaLr', () => {
  it('falls to the least rate at the last step of each cycle', () => {
    const rates = steps(8).map(cyclicSwaLr({ maxLr: 1, minLr: 0.2, cycleSteps: 4 }));
    [0.8, 0.6, 0.4, 0.2, 0.8, 0.6, 0.4, 0.2].forEach((rate, step) =>
      expect(rates[step]).toBeCloseTo(rate, 12),
    );
    expect(rates[3]).toBe(0.2);
  });

  it('is the equation of the paper, which counts from 1', () => {
    const schedule = cyclicSwaLr({ maxLr: 0.05, minLr: 0.001, cycleSteps: 7 });
    for (const i of steps(200).map((step) => step + 1)) {
      const t = (((i - 1) % 7) + 1) / 7;
      expect(schedule(i - 1)).toBeCloseTo((1 - t) * 0.05 + t * 0.001, 12);
    }
  });
});

describe('snapshotLr', () => {
  it.each([
    [200, 5],
    [200, 6],
    [10, 10],
  ])(
    'is the equation of the paper, which counts from 1: %d steps, %d cycles',
    (totalSteps, cycles) => {
      const schedule = snapshotLr({ lr: 0.2, totalSteps, cycles });
      const length = Math.ceil(totalSteps / cycles);
      for (const t of steps(totalSteps).map((step) => step + 1)) {
        const rate = (0.2 / 2) * (Math.cos((Math.PI * ((t - 1) % length)) / length) + 1);
        expect(schedule(t - 1)).toBeCloseTo(rate, 12);
      }
    },
  );
});

describe('where torch errs', () => {
  it('oneCycleLr holds its last rate at totalSteps, where torch rises or goes below zero', () => {
    for (const anneal of ['cos', 'linear'] as const) {
      const schedule = oneCycleLr({ maxLr: 1, totalSteps: 10, anneal }); // torch: 0.0495, -0.143
      expect(schedule(10)).toBe(schedule(9));
      expect(schedule(9)).toBe(1 / 25 / 1e4);
      expect(() => schedule(11)).toThrow(
        'oneCycleLr: step is 11, expected a finite number in [0, 10].',
      );
    }
  });

  it('oneCycleLr begins at its peak after a one-step warm-up, where torch divides by zero', () => {
    expect(oneCycleLr({ maxLr: 1, totalSteps: 10, pctStart: 0.1 })(0)).toBe(1);
    expect(oneCycleLr({ maxLr: 1, totalSteps: 1, pctStart: 1 })(0)).toBe(1);
    expect(oneCycleMomentum({ totalSteps: 2, pctStart: 0.5 })(0)).toBe(0.85);
  });

  it('oneCycleLr refuses three phases that do not fit, where torch never reaches the end', () => {
    expect(() => oneCycleLr({ maxLr: 1, totalSteps: 10, pctStart: 0.6, threePhase: true })).toThrow(
      'oneCycleLr: pctStart is 0.6, expected a finite number in [0, 0.5].',
    );
  });

  it('cosineAnnealingWarmRestarts restarts at 121 = 1 + 3 + … + 81, where torch fails', () => {
    const schedule = cosineAnnealingWarmRestarts({ lr: 0.1, cycleSteps: 1, cycleFactor: 3 });
    expect([0, 1, 4, 13, 40, 121, 364, 1093].map(schedule)).toEqual(
      Array.from({ length: 8 }, () => 0.1),
    );
    expect(schedule(120)).toBeLessThan(0.001);
  });

  it('reduceLrOnPlateau sees a metric below zero get worse, which torch takes for better', () => {
    for (const mode of ['min', 'max'] as const) {
      const plateau = reduceLrOnPlateau({ lr: 0.1, patience: 3, mode });
      let state = plateau.initial;
      for (const step of steps(10))
        state = plateau.next(state, -100 + (mode === 'max' ? -1 : 1) * 0.001 * step);
      expect(state.lr).toBeCloseTo(0.001, 12);
    }
  });
});

describe('chainedSwaLr', () => {
  it('is the closed form to the end of a long annealing, and the constant rate after it', () => {
    const [annealSteps, last] = [100_000, 99_999];
    const next = chainedSwaLr({ swaLr: 0.05, annealSteps });
    let rate = 0.1;
    for (const step of steps(annealSteps)) rate = next(step, rate);
    const exact = swaLr({ lr: 0.1, swaLr: 0.05, annealSteps })(last);
    expect(Math.abs(rate - exact)).toBeLessThan(1e-15);
    expect(next(annealSteps, 0.7)).toBe(0.05);
  });
});

describe('multiplicativeLr', () => {
  it('calls the factor once a step', () => {
    let calls = 0;
    const schedule = multiplicativeLr({
      lr: 1,
      factor: () => {
        calls += 1;
        return 0.999;
      },
    });
    steps(10_000).forEach(schedule);
    expect(calls).toBe(9_999);
  });

  it('is as it was after a factor that threw', () => {
    let isBroken = false;
    const schedule = multiplicativeLr({
      lr: 1,
      factor: (step) => {
        if (isBroken && step === 3) throw new Error('broken');
        return 0.5;
      },
    });
    isBroken = true;
    expect(() => schedule(4)).toThrow('broken');
    isBroken = false;
    expect(schedule(4)).toBe(1 / 16);
  });
});
