// The CPU backend passes the conformance suite, and backends that are broken on purpose do not.
import { cpuBackend, parameter } from '@polyak/core';
import type { Backend, HostTensor } from '@polyak/core';
import { backendConformance } from '@polyak/core/conformance';
import { describe, expect, it } from 'vitest';

type Cpu = ReturnType<typeof cpuBackend>;

function harness(
  kernel: 'wasm' | 'js',
  breakIt: (backend: Cpu) => Partial<Backend<HostTensor>> = () => ({}),
) {
  return () => {
    const backend = cpuBackend({ kernel });
    return {
      backend: { ...backend, ...breakIt(backend) },
      parameter: (name: string, tensor: HostTensor) =>
        parameter(name, { ...tensor, data: tensor.data.slice() }),
      liveTensors: () => backend.memory().tensors,
    };
  };
}

describe.each(['wasm', 'js'] as const)('the CPU backend with its %s kernel', (kernel) => {
  it.each(backendConformance(harness(kernel)))('$name', async ({ run }) => {
    await expect(run()).resolves.toBeUndefined();
  });
});

/** One way to be wrong each, with a test that must notice. */
const BROKEN: Record<string, (backend: Cpu) => Partial<Backend<HostTensor>>> = {
  'ignores the weight': (backend) => ({
    average: (averages, live) => backend.average(averages, live, 0.5),
  }),
  'exchanges the ends': (backend) => ({
    average: (averages, live, weight) => backend.average(averages, live, 1 - weight),
  }),
  'writes into live': (backend) => ({
    average(averages, live, weight) {
      const moved = backend.average(averages, live, weight);
      live.forEach(({ data }, index) => data.set(moved[index]?.data as never));
      return moved;
    },
  }),
  'reverses the list': (backend) => ({
    swap: async (parameters, tensors) => [...(await backend.swap(parameters, tensors))].toReversed(),
  }),
  'reverses the averages': (backend) => ({
    average: (averages, live, weight) => backend.average(averages, live, weight).toReversed(),
  }),
  'reads late: clones by reference': () => ({
    clone: (tensors) => tensors,
  }),
  'reads late: averages when downloaded': (backend) => {
    const late = new Map<HostTensor, { live: HostTensor; weight: number }>();
    const settle = (tensors: readonly HostTensor[]): void => {
      for (const tensor of tensors) {
        const pending = late.get(tensor);
        late.delete(tensor);
        if (pending !== undefined) backend.average([tensor], [pending.live], pending.weight);
      }
    };
    return {
      average(averages, live, weight) {
        settle(averages);
        averages.forEach((average, index) => late.set(average, { live: live[index] as HostTensor, weight }));
        return averages;
      },
      download(tensors) {
        settle(tensors);
        return backend.download(tensors);
      },
    };
  },
  'half-applies before it throws': (backend) => ({
    average: (averages, live, weight) =>
      averages.flatMap((average, index) => backend.average([average], [live[index] as HostTensor], weight)),
  }),
  'leaks a tensor an update': (backend) => ({
    average(averages, live, weight) {
      backend.clone(averages.slice(0, 1));
      return backend.average(averages, live, weight);
    },
  }),
  'forgets to dispose': () => ({ dispose: () => {} }),
  'downloads views': () => ({ download: (tensors) => tensors }),
  'uploads views': () => ({ upload: (tensors) => tensors }),
  'never finds NaN': () => ({ allFinite: (tensors) => tensors.map(() => true) }),
  'takes an overflowing sum for an infinity': () => ({
    allFinite: (tensors) =>
      tensors.map(({ data }) =>
        Number.isFinite(
          Math.fround(Array.from(data, Number).reduce((sum, value) => Math.fround(sum + value), 0)),
        ),
      ),
  }),
  'swaps numbers instead of bits': (backend) => ({
    swap: async (parameters, tensors) => {
      const held = await backend.swap(parameters, tensors);
      for (const { data } of held) {
        if (data instanceof Float32Array) data.forEach((value, index) => (data[index] = value + 0));
      }
      return held;
    },
  }),
  'drops the residual': (backend) => ({
    averageCompensated: (averages, residuals, live, weight) => ({
      averages: backend.average(averages, live, weight),
      residuals,
    }),
  }),
};

describe.each(Object.entries(BROKEN))('a backend that %s', (_, breakIt) => {
  it('fails the suite', async () => {
    const results = await Promise.allSettled(
      backendConformance(harness('js', breakIt)).map(async ({ run }) => run()),
    );
    expect(results.some(({ status }) => status === 'rejected')).toBe(true);
  });
});
