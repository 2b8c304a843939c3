// Reports of updates, against the definitions written out.
import { cpuBackend, parameter } from '@polyak/backend-cpu';
import { AveragedModel, SWA } from '@polyak/core';
import type { AveragedReport, SWAOptions, UpdateReport } from '@polyak/core';
import type { HostTensor, Parameter } from '@polyak/core/interfaces';
import { importAverage } from '@polyak/core/interop';
import { equal, exponential, lastK } from '@polyak/core/rules';
import type { AveragingRule } from '@polyak/core/rules';
import { describe, expect, it } from 'vitest';
import { Faults, faulty } from '../support/faults.js';
import { fill, sgd, weights } from '../../../../tests/support/sgd.js';

const backend = cpuBackend();

interface Run {
  readonly cell: Parameter<HostTensor>;
  readonly swa: SWA<HostTensor>;
  readonly reports: AveragedReport[];
}

function start(
  averages: Readonly<Record<string, AveragingRule>>,
  options: Partial<
    Pick<SWAOptions<HostTensor>, 'backend' | 'onUpdate' | 'onWarning' | 'swaStart' | 'swaFreq'>
  > = {},
): Run {
  const reports: AveragedReport[] = [];
  const cell = weights('w', [4]);
  const onUpdate = (report: UpdateReport): void => {
    if (report.kind === 'averaged') reports.push(report);
  };
  const swa = new SWA(sgd([{ params: [cell], lr: 0 }]), {
    backend,
    averages,
    onUpdate,
    ...options,
  });
  return { cell, swa, reports };
}

async function visit({ cell, swa }: Run, ...values: readonly number[]): Promise<void> {
  for (const value of values) {
    fill(cell, value);
    await swa.updateSwa();
  }
}

it('says how far the weights are from the average, and how far it moved', async () => {
  const run = start({ swa: equal() });
  await visit(run, 2, 6);
  expect(run.reports).toEqual([
    {
      kind: 'averaged',
      average: 'swa',
      group: 0,
      nAvg: 1,
      weight: 1,
      effectiveWindow: 1,
      distance: 0,
      updateSize: 1,
    },
    {
      kind: 'averaged',
      average: 'swa',
      group: 0,
      nAvg: 2,
      weight: 0.5,
      effectiveWindow: 2,
      distance: 0.5,
      updateSize: 0.5,
    },
  ]);
});

it('reports each average of each group', async () => {
  const reports: AveragedReport[] = [];
  const groups = ['a', 'b'].map((name) => ({ params: [weights(name, [2])], lr: 0 }));
  const averages = { swa: equal(), ema: exponential(0.9) };
  const swa = new SWA(sgd(groups), {
    backend,
    averages,
    onUpdate: (report) => {
      if (report.kind === 'averaged') reports.push(report);
    },
  });
  await swa.updateSwa();
  expect(reports.map(({ average, group }) => `${average} ${group}`)).toEqual([
    'swa 0',
    'ema 0',
    'swa 1',
    'ema 1',
  ]);
});

describe('the effective window', () => {
  async function windows(rule: AveragingRule, updates: number): Promise<number[]> {
    const run = start({ average: rule });
    for (let n = 0; n < updates; n += 1) await visit(run, n);
    return run.reports.map(({ effectiveWindow }) => effectiveWindow);
  }

  it('is the number of values in the equal average', async () => {
    (await windows(equal(), 50)).forEach((found, n) => expect(found).toBeCloseTo(n + 1, 9));
  });

  it('goes towards (1 + d) / (1 - d) in the exponential average', async () => {
    expect((await windows(exponential(0.9), 200)).at(-1)).toBeCloseTo(19, 6);
  });

  it('is what is in the window of the last k', async () => {
    expect((await windows(lastK(3), 5)).map((found) => Math.round(found * 1e9) / 1e9)).toEqual([
      1, 2, 3, 3, 3,
    ]);
  });

  it('is the same after a state was loaded, also one from before', async () => {
    const [whole, resumed] = [start({ ema: exponential(0.8) }), start({ ema: exponential(0.8) })];
    await visit(whole, 1, 2, 3);
    const state = await whole.swa.stateDict();
    await visit(resumed, 9, 9, 9, 9, 9, 9);
    await resumed.swa.loadStateDict(state);
    for (const run of [whole, resumed]) await visit(run, 4);
    expect(resumed.reports.at(-1)).toEqual(whole.reports.at(-1));
  });
});

it('comes when the update is complete: an observer that throws is a warning', async () => {
  const warnings: string[] = [];
  const run = start(
    { swa: equal() },
    {
      swaStart: 0,
      swaFreq: 1,
      onWarning: (message) => void warnings.push(message),
      onUpdate: () => {
        throw new Error('disk full');
      },
    },
  );
  expect(await run.swa.step(() => 0.5)).toBe(0.5);
  expect(run.swa.paramGroups[0]).toMatchObject({ nAvg: 1, stepCounter: 1 });
  expect(warnings).toEqual(['SWA: onUpdate failed, after the update: Error: disk full']);
});

it('is a warning where it cannot be made, and the update stays', async () => {
  const faults = new Faults();
  const warnings: string[] = [];
  const run = start(
    { swa: equal() },
    { backend: faulty(backend, faults), onWarning: (message) => void warnings.push(message) },
  );
  await visit(run, 1);
  const downloads = faults.calls.filter((call) => call === 'download').length;
  let count = 0;
  faults.fails = (call) => call === 'download' && ++count === downloads;
  await visit(run, 3);
  expect(warnings).toEqual(['SWA: onUpdate failed, after the update: Error: download failed']);
  expect(run.swa.paramGroups[0]?.nAvg).toBe(2);
});

it('costs nothing where nobody asks for it', async () => {
  const faults = new Faults();
  const cell = weights('w', [4]);
  const swa = new SWA(sgd([{ params: [cell], lr: 0 }]), { backend: faulty(backend, faults) });
  await visit({ cell, swa, reports: [] }, 1, 2, 3);
  expect(faults.calls).not.toContain('download');
});

it('changes no number: rules are asked once an update', async () => {
  let asked = 0;
  const rule = {
    kind: 'moving' as const,
    name: 'counting',
    weight: (): number => 1 / ((asked += 1) + 1),
  };
  const run = start({ average: rule });
  await visit(run, 1, 2, 3, 4);
  await run.swa.swapSwaSgd();
  expect(run.cell.get().data[0]).toBe(2.5);
  expect(run.reports.map(({ weight }) => weight)).toEqual([1, 1 / 2, 1 / 3, 1 / 4]);
});

it('does not go through a million updates that a loaded state has behind it', async () => {
  const run = start({ swa: equal() });
  const swaState = {
    w: { dtype: 'float32', shape: [4], data: new Float32Array(4).fill(1) },
  } as const;
  const imported = { nAvg: [2 ** 50], swaState };
  await run.swa.loadStateDict(importAverage(await run.swa.stateDict(), imported));
  await visit(run, 1);
  expect(run.reports[0]?.effectiveWindow).toBeNaN();
});

it('measures floats, and no integers', async () => {
  const live = Float64Array.of(3, 4);
  const reports: UpdateReport[] = [];
  const model = new AveragedModel<HostTensor>(
    [
      parameter('n', { dtype: 'int32', shape: [1], data: Int32Array.of(1000) }),
      parameter('w', { dtype: 'float64', shape: [2], data: live }),
    ],
    { backend, onUpdate: (report) => void reports.push(report) },
  );
  await model.update();
  live.set([6, 8]);
  await model.update();
  // The average is [4.5, 6], of the norm 7.5, and 2.5 from both.
  expect(reports.at(-1)).toMatchObject({
    distance: expect.closeTo(1 / 3, 12) as number,
    updateSize: expect.closeTo(1 / 3, 12) as number,
  });
});

it('is 0 apart where all is 0', async () => {
  const run = start({ swa: equal() });
  await visit(run, 0, 0);
  expect(run.reports.at(-1)).toMatchObject({ distance: 0, updateSize: 0 });
});
