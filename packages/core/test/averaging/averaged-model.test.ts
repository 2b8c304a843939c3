// What AveragedModel says of itself, and when it refuses a call.
import { cpuBackend, parameter } from '@polyak/backend-cpu';
import { AveragedModel } from '@polyak/core';
import type { AveragingOptions } from '@polyak/core';
import type { HostTensor } from '@polyak/core/interfaces';
import { equal, exponential } from '@polyak/core/rules';
import { expect, it } from 'vitest';

const backend = cpuBackend();

function start(options: Partial<AveragingOptions<HostTensor>> = {}) {
  const data = Float32Array.of(1, 2);
  const params = [parameter('w', { dtype: 'float32', shape: [2], data })];
  return { data, model: new AveragedModel<HostTensor>(params, { backend, ...options }) };
}

it('names the update that it refuses, counted from 1', async () => {
  const { data, model } = start();
  await model.update();
  data[0] = NaN;
  await expect(model.update()).rejects.toThrow('NaN at index 0 of "w" in update 2. The averages');
});

it('counts the updates that it skips', async () => {
  const { data, model } = start({ nonFinite: 'skip', onWarning: () => {} });
  expect(model.nSkipped).toBe(0);
  data[1] = NaN;
  for (let n = 0; n < 3; n += 1) await model.update();
  expect([model.nAvg, model.nSkipped]).toEqual([0, 3]);
});

it('says which call takes its average out of the model', async () => {
  const { model } = start();
  await model.update();
  await model.swap();
  await expect(model.update()).rejects.toThrow('holds the averages. Call swap once more first.');
  await model.swap();
  await model.withAveraged(async () => {
    for (const call of [() => model.update(), () => model.withAveraged(() => {})]) {
      await expect(call()).rejects.toThrow('holds the averages. Wait for withAveraged first.');
    }
  });
});

it('takes names of averages that have digits beside letters', async () => {
  const warnings: string[] = [];
  const { model } = start({
    averages: { ema1: exponential(0.5), '2nd': equal() },
    onWarning: (message) => void warnings.push(message),
  });
  await model.update();
  for (const average of ['ema1', '2nd']) {
    await model.swap({ average });
    await model.swap();
  }
  expect(warnings).toEqual([]);
});

it('refuses every call once it was disposed of', async () => {
  const { model } = start();
  await model.update();
  const state = await model.stateDict();
  await model.dispose();
  const calls: readonly (() => Promise<unknown>)[] = [
    () => model.update(),
    () => model.swap(),
    () => model.withAveraged(() => {}),
    () => model.stateDict(),
    () => model.withStateDict(() => {}),
    () => model.loadStateDict(state),
    () => model.loadStateDict({}),
    () => model.dispose(),
  ];
  for (const call of calls) await expect(call()).rejects.toMatchObject({ code: 'ERR_DISPOSED' });
});

it('refuses more arguments than it takes', async () => {
  const { model } = start();
  const withStateDict = model.withStateDict.bind(model) as (
    ...given: unknown[]
  ) => Promise<unknown>;
  await expect(withStateDict(() => {}, {})).rejects.toThrow('withStateDict: 2 arguments');
});
