// Runs whose states are kept as files: the form of version 1, which all later versions must load.
import { cpuBackend, parameter } from '@polyak/backend-cpu';
import { AveragedModel, observedOptimizer, SWA } from '@polyak/core';
import type { StateTree } from '@polyak/core';
import type { HostTensor, Parameter } from '@polyak/core/interfaces';
import { equal, exponential, lastK } from '@polyak/core/rules';

const backend = cpuBackend();

/** A run, and what its parameters hold after so many updates. */
interface Run {
  readonly averages: AveragedModel<HostTensor> | SWA<HostTensor>;
  readonly places: readonly Parameter<HostTensor>[];
  update(): Promise<void>;
}

function places(): readonly Parameter<HostTensor>[] {
  const tied = parameter('embedding', tensor('float32', Float32Array.of(1, 2, 3)));
  return [
    tied,
    { ...tied, name: 'decoder' },
    parameter('mask', tensor('uint8', Uint8Array.of(1, 0))),
    parameter('double', tensor('float64', Float64Array.of(0.1))),
    parameter('steps', tensor('int64', BigInt64Array.of(2n ** 60n))),
    parameter('scalar', { dtype: 'float32', shape: [], data: Float32Array.of(-0) }),
    parameter('empty', tensor('float32', new Float32Array(0))),
  ];
}

function tensor(dtype: HostTensor['dtype'], data: HostTensor['data']): HostTensor {
  return { dtype, shape: [data.length], data };
}

const AVERAGES = { swa: equal(), ema: exponential(0.9999), last: lastK(2) };

/** The runs by the names of their files. */
export const RUNS: Readonly<Record<string, () => Run>> = {
  'averaged-model': () => {
    const own = places();
    const averages = new AveragedModel(own, { backend, averages: AVERAGES });
    return { averages, places: own, update: () => averages.update() };
  },
  swa: () => {
    const own = places();
    const groups = [own.slice(0, 3), own.slice(3), []].map((params, n) => ({ params, lr: n / 8 }));
    const averages = new SWA(observedOptimizer(groups), {
      backend,
      averages: AVERAGES,
      compensated: true,
      swaStart: 1,
      swaFreq: 1,
    });
    return { averages, places: own, update: () => averages.step() };
  },
  'swa-one-group': () => {
    const own = places();
    const groups = [own.slice(0, 2), own.slice(3)].map((params) => ({ params, lr: 0.5 }));
    const averages = new SWA(observedOptimizer(groups), { backend, averages: AVERAGES });
    const [group] = averages.paramGroups;
    return { averages, places: own, update: async () => group && averages.updateSwaGroup(group) };
  },
};

/** The state after `updates`, of weights that differ from one to the next. */
export async function stateAfter(run: Run, updates: number): Promise<StateTree> {
  for (let n = 0; n < updates; n += 1) {
    for (const { get } of run.places) {
      const { dtype, data } = get();
      if (dtype === 'float32' || dtype === 'float64') data.fill((n + 0.1) as never);
      else if (dtype === 'int64') data.fill((2n ** 60n + BigInt(n)) as never);
      else data.fill(n as never);
    }
    await run.update();
  }
  return run.averages.stateDict();
}
