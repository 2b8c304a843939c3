// Saving and restoring: the step is all there is of a schedule, and a plateau is plain data.
import { cpuBackend } from '@polyak/backend-cpu';
import { fromSafetensors, observedOptimizer, SWA, toSafetensors } from '@polyak/core';
import type { HostTensor, ParamGroup } from '@polyak/core/interfaces';
import { exponentialLr, reduceLrOnPlateau, sequentialLr, swaLr } from '@polyak/schedules';
import type { Schedule } from '@polyak/schedules';
import { expect, it } from 'vitest';
import { weights } from '../../../tests/support/sgd.js';
import { schedules } from './torch-goldens.js';

/** Made anew, as after a restart of the process. */
function twoSchedules(): readonly Schedule[] {
  const decay = exponentialLr({ lr: 0.1, gamma: 0.97 });
  const constant = swaLr({ lr: decay(90), swaLr: 0.05, annealSteps: 30 });
  return [sequentialLr([decay, constant], [90]), exponentialLr({ lr: 0.2, gamma: 0.99 })];
}

function training(): SWA<HostTensor> {
  const groups: ParamGroup<HostTensor>[] = ['a', 'b'].map((name) => ({
    params: [weights(name, [2])],
    lr: 0,
  }));
  return new SWA(observedOptimizer(groups), { backend: cpuBackend(), swaStart: 90, swaFreq: 10 });
}

/** The rates of both groups at each of `count` steps, driven by the counters of the groups. */
async function train(swa: SWA<HostTensor>, count: number): Promise<number[][]> {
  const each = twoSchedules();
  const rates: number[][] = [];
  for (let step = 0; step < count; step += 1) {
    swa.paramGroups.forEach((group, index) => {
      group.lr = each[index]?.(group.stepCounter) ?? NaN;
    });
    await swa.step();
    rates.push(swa.paramGroups.map((group) => group.lr));
  }
  return rates;
}

it('resumes from the state of SWA, whose counters drive schedules, to the bit', async () => {
  const whole = await train(training(), 200);
  const first = training();
  const before = await train(first, 107);
  const bytes = toSafetensors(await first.stateDict());
  const second = training();
  await second.loadStateDict(fromSafetensors(bytes));
  expect([...before, ...(await train(second, 93))]).toEqual(whole);
  expect(new Set(whole.flat()).size).toBeGreaterThan(300);
});

it('saves a plateau as plain data, to the bit', () => {
  const plateau = reduceLrOnPlateau({ lr: 0.1, patience: 2, factor: 0.3, cooldown: 3 });
  const metric = (step: number): number => Math.abs(Math.sin(step)) - 0.01 * step;
  const run = (state: typeof plateau.initial, from: number, to: number): typeof plateau.initial => {
    let now = state;
    for (let step = from; step < to; step += 1) now = plateau.next(now, metric(step));
    return now;
  };
  const whole = run(plateau.initial, 0, 200);
  expect(whole.lr).toBeLessThan(0.1);
  for (const at of [0, 1, 57, 199]) {
    const saved = JSON.stringify(run(plateau.initial, 0, at));
    expect(run(JSON.parse(saved), at, 200)).toEqual(whole);
  }
});

it('leaves a state as it was', () => {
  const { initial, next } = reduceLrOnPlateau({ lr: 0.1, patience: 0 });
  const state = Object.freeze(next(initial, 1));
  expect(next(state, 2)).toEqual(next(state, 2));
  expect(initial).toEqual({ lr: 0.1, best: null, bad: 0, wait: 0 });
});

it('has nothing else to save: a schedule made anew gives the same numbers from any step on', () => {
  const [again] = twoSchedules();
  const [schedule] = twoSchedules();
  for (let step = 0; step < 150; step += 1) schedule?.(step);
  expect(again?.(150)).toBe(schedule?.(150));
  expect(Object.keys(schedules).length).toBeGreaterThan(40);
});
