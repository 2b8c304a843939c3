// What becomes of an update from weights that are not finite: the policies.
import { cpuBackend, parameter } from '@polyak/backend-cpu';
import { AveragedModel, observedOptimizer, PolyakError, SWA } from '@polyak/core';
import type { NonFinitePolicy, UpdateReport } from '@polyak/core';
import type { HostTensor } from '@polyak/core/interfaces';
import { equal, exponential, lastK } from '@polyak/core/rules';
import type { AveragingRule } from '@polyak/core/rules';
import { describe, expect, it } from 'vitest';
import { plainBackend, plainParameter } from '../../../../tests/support/plain-backend.js';

const backend = cpuBackend();

function start(rule: AveragingRule, nonFinite: NonFinitePolicy) {
  const [weights, bias] = [new Float32Array(4), new Float64Array(2)];
  const warnings: string[] = [];
  const reports: UpdateReport[] = [];
  const params = [
    parameter('w', { dtype: 'float32', shape: [4], data: weights }),
    parameter('b', { dtype: 'float64', shape: [2], data: bias }),
  ];
  const swa = new SWA<HostTensor>(observedOptimizer([{ params, lr: 0.1 }]), {
    backend,
    rule,
    nonFinite,
    swaStart: 0,
    swaFreq: 1,
    onUpdate: (report) => void reports.push(report),
    onWarning: (message) => void warnings.push(message),
  });
  const visit = async (value: number, at: readonly number[] = []): Promise<void> => {
    weights.fill(value);
    bias.fill(-value);
    for (const index of at) weights[index] = NaN;
    await swa.step();
  };
  return { swa, weights, bias, warnings, reports, visit };
}

describe.each([equal(), exponential(0.5), lastK(2)])('by $name', (rule) => {
  it('an update is refused, naming tensor, first index and step', async () => {
    const run = start(rule, 'refuse');
    for (const [value, at] of [
      [1, 1],
      [2, 2],
    ] as const) {
      await expect(run.visit(value, [2, 3])).rejects.toThrow(
        `step: NaN at index 2 of "w" in step ${at}. The averages are unchanged`,
      );
      await run.visit(value);
    }
    run.bias[1] = -Infinity;
    run.weights[0] = NaN;
    await expect(run.swa.step()).rejects.toThrow('NaN at index 0 of "w" (and in "b") in step 3');
    expect(run.swa.paramGroups[0]).toMatchObject({ nAvg: 2, stepCounter: 2 });
  });

  it('an update is skipped and counted, and the step too', async () => {
    const [run, clean] = [start(rule, 'skip'), start(rule, 'skip')];
    for (const value of [1, 2, 6]) {
      await run.visit(value, [1]);
      await run.visit(value);
      await clean.visit(value);
    }
    expect(run.swa.nSkipped).toBe(3);
    expect(run.swa.paramGroups[0]).toMatchObject({ nAvg: 3, stepCounter: 6 });
    expect(run.warnings).toEqual([expect.stringContaining('NaN at index 1 of "w" in step 1')]);
    expect(run.reports.map(({ kind }) => kind)).toEqual([
      'skipped',
      'averaged',
      'skipped',
      'averaged',
      'skipped',
      'averaged',
    ]);
    expect(run.reports[2]).toEqual({
      kind: 'skipped',
      average: 'swa',
      group: 0,
      nAvg: 1,
      reason: expect.stringContaining('in step 3') as string,
    });
    const [own, other] = [await run.swa.stateDict(), await clean.swa.stateDict()];
    expect(own.averages).toEqual(other.averages);
  });

  it('an update is made like any other where that is allowed', async () => {
    const run = start(rule, 'allow');
    await run.visit(1);
    await run.visit(3, [0]);
    expect(run.swa.paramGroups[0]?.nAvg).toBe(2);
    await run.swa.withAveraged(() => {
      expect([...run.weights]).toEqual([NaN, 2, 2, 2]);
    });
    const state = await run.swa.stateDict();
    await run.swa.loadStateDict(state);
    expect(await run.swa.stateDict()).toEqual(state);
    await expect(start(rule, 'skip').swa.loadStateDict(state)).rejects.toThrow(
      'the average "swa" of the state is not finite',
    );
  });

  it('leaves nothing behind', async () => {
    const before = backend.memory();
    for (const policy of ['refuse', 'skip', 'allow'] as const) {
      const run = start(rule, policy);
      for (const [n, at] of [[], [1], [], [1], []].entries())
        await run.visit(n, at).catch(() => {});
      await run.swa.dispose();
    }
    expect(backend.memory()).toEqual(before);
  });
});

it('an average that is not finite goes into half-precision models too, if allowed', async () => {
  const [one, infinity, nan] = [0x3c00, 0x7c00, 0x7e00];
  const live = (...data: readonly number[]): HostTensor => {
    return { dtype: 'float16', shape: [data.length], data: Uint16Array.from(data) };
  };
  const weight = plainParameter('w', live(one, infinity, nan));
  const options = { backend: plainBackend(), nonFinite: 'allow' } as const;
  const model = new AveragedModel<HostTensor>([weight], options);
  await model.update();
  await weight.set(live(one, one, one));
  await model.withAveraged(() => {
    expect(weight.get()).toEqual(live(one, infinity, nan));
  });
  expect(weight.get()).toEqual(live(one, one, one));
});

it('a skipped update asks for nothing, and one that failed otherwise is not skipped', async () => {
  const data = Float32Array.of(1, NaN);
  const warnings: string[] = [];
  let failure: Error | undefined;
  const model = new AveragedModel<HostTensor>(
    [
      parameter('steps', { dtype: 'int32', shape: [1], data: Int32Array.of(7) }),
      parameter('w', { dtype: 'float32', shape: [2], data }),
    ],
    {
      backend: {
        ...backend,
        average(items, options) {
          if (failure !== undefined) throw failure;
          return backend.average(items, options);
        },
      },
      nonFinite: 'skip',
      onWarning: (message) => void warnings.push(message),
    },
  );
  await model.update();
  data[1] = 2;
  await model.update();
  data[0] = -Infinity;
  await model.update();
  await model.update();
  expect(warnings).toEqual(['update: NaN at index 1 of "w" in update 1. This update is skipped.']);
  expect([model.nAvg, model.nSkipped]).toEqual([1, 3]);
  for (const error of [new PolyakError('ERR_UNSUPPORTED', 'no room'), new Error('no device')]) {
    failure = error;
    await expect(model.update()).rejects.toBe(error);
  }
  expect(model.nSkipped).toBe(3);
});

it('a refused update names the weight, also after integers', async () => {
  const data = Float32Array.of(1, 2);
  const model = new AveragedModel<HostTensor>(
    [
      parameter('steps', { dtype: 'int32', shape: [1], data: Int32Array.of(7) }),
      parameter('w', { dtype: 'float32', shape: [2], data }),
    ],
    { backend },
  );
  await model.update();
  data[1] = NaN;
  await expect(model.update()).rejects.toThrow('NaN at index 1 of "w" in update 2');
});

it('a policy of another name is refused', () => {
  const make = () =>
    new AveragedModel<HostTensor>([], { backend, nonFinite: 'ignore' as NonFinitePolicy });
  expect(make).toThrow('nonFinite is "ignore", expected "refuse", "skip" or "allow"');
});
