import { chainedSwaLr, reduceLrOnPlateau } from '@polyak/schedules';
import type { ReduceLrOnPlateauOptions, Schedule } from '@polyak/schedules';
import { describe, expect, it } from 'vitest';
import { schedules, torchGoldens } from './torch-goldens.js';

const plateauNames = Object.keys(torchGoldens).filter((name) =>
  name.startsWith('ReduceLROnPlateau'),
);

/** To 1e-9, as the schedules promise; the goldens have 13 digits. */
function expectClose(values: readonly number[], golden: readonly number[]): void {
  expect(values).toHaveLength(golden.length);
  const worst = Math.max(...golden.map((value, index) => Math.abs(value - (values[index] ?? NaN))));
  expect(worst).toBeLessThan(1e-9);
}

describe('schedules equal torch’s to 1e-9 over 200 steps', () => {
  it('all of them', () => {
    expect([...Object.keys(schedules), ...plateauNames].toSorted()).toEqual(
      Object.keys(torchGoldens).toSorted(),
    );
  });

  const rows = Object.entries(schedules).flatMap(([name, schedule]) => {
    const golden = torchGoldens[name];
    if (typeof schedule === 'function')
      return [{ name, schedule, golden: golden as readonly number[] }];
    const { lr, momentum } = golden as { lr: readonly number[]; momentum: readonly number[] };
    return [
      { name: `${name}, rate`, schedule: schedule.lr, golden: lr },
      { name: `${name}, momentum`, schedule: schedule.momentum, golden: momentum },
    ];
  });

  it.each(rows)('$name', ({ name, schedule, golden }) => {
    expect(golden).toHaveLength(name.includes('one step') ? 1 : 200);
    expectClose(
      golden.map((_, step) => schedule(step)),
      golden,
    );
  });

  it.each(rows)('$name, whatever was asked before', ({ schedule, golden }) => {
    const backwards = golden.map((_, index) => schedule(golden.length - 1 - index)).toReversed();
    expect(backwards).toEqual(golden.map((_, step) => schedule(step)));
  });

  it.each(
    [0, 1, 4, 60].flatMap((annealSteps) =>
      (['cos', 'linear'] as const).map((anneal) => ({ annealSteps, anneal })),
    ),
  )('SWALR in its chainable form, $annealSteps $anneal', ({ annealSteps, anneal }) => {
    const golden = torchGoldens[`SWALR ${annealSteps} ${anneal}`] as readonly number[];
    const next = chainedSwaLr({ swaLr: 0.05, annealSteps, anneal });
    expectClose(chain(next, 0.1), golden);
  });

  it('SWALR in its chainable form after another schedule', () => {
    const name = 'CosineAnnealingLR then SWALR cos';
    const next = chainedSwaLr({ swaLr: 0.05, annealSteps: 40 });
    const before = schedules['CosineAnnealingLR then SWALR cos'] as Schedule;
    const golden = torchGoldens[name] as readonly number[];
    expectClose(chain(next, before(100)).slice(0, 100), golden.slice(100));
  });

  const options: Readonly<Record<string, Omit<ReduceLrOnPlateauOptions, 'lr'>>> = {
    ReduceLROnPlateau: { patience: 3, factor: 0.5 },
    'ReduceLROnPlateau max': { mode: 'max', patience: 3, factor: 0.5 },
    'ReduceLROnPlateau abs': { patience: 2, factor: 0.7, threshold: 0.01, thresholdMode: 'abs' },
    'ReduceLROnPlateau cooldown': {
      patience: 1,
      factor: 0.6,
      threshold: 0.05,
      cooldown: 5,
      minLr: 1e-4,
      eps: 1e-3,
    },
  };

  it.each(plateauNames.filter((name) => !name.endsWith('metrics')))('%s', (name) => {
    const golden = torchGoldens[name] as readonly number[];
    const metrics = (torchGoldens['ReduceLROnPlateau metrics'] as readonly number[]).map(
      (metric) => (name.endsWith('max') ? 1 - metric : metric),
    );
    expect(new Set(golden).size).toBeGreaterThan(3);
    const plateau = reduceLrOnPlateau({ lr: 0.1, ...options[name] });
    let state = plateau.initial;
    const rates = metrics.map((metric) => {
      state = plateau.next(JSON.parse(JSON.stringify(state)), metric);
      return state.lr;
    });
    expectClose(rates, golden);
  });
});

/** 200 rates, each from the one before. */
function chain(next: (step: number, lr: number) => number, lr: number): number[] {
  let rate = lr;
  return Array.from({ length: 200 }, (_, step) => (rate = next(step, rate)));
}
