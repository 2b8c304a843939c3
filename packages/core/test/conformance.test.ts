// The CPU backend passes the conformance suite, and backends that are broken on purpose do not.
import { cpuBackend, parameter } from '@polyak/backend-cpu';
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
    swap: async (parameters, tensors) =>
      [...(await backend.swap(parameters, tensors))].toReversed(),
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
        averages.forEach((average, index) =>
          late.set(average, { live: live[index] as HostTensor, weight }),
        );
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
      averages.flatMap((average, index) =>
        backend.average([average], [live[index] as HostTensor], weight),
      ),
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

/** The tests of the suite that each must fail: these, and no others. */
const NOTICED: Record<string, readonly string[]> = {
  'ignores the weight': [
    'averages to two units in the last place, for every weight and shape',
    'is the mean of 200 weights to 1e-6',
    'goes on averaging after a swap and back',
  ],
  'exchanges the ends': [
    'averages to two units in the last place, for every weight and shape',
    'is the mean of 200 weights to 1e-6',
    'goes on averaging after a swap and back',
  ],
  'writes into live': [
    'averages to two units in the last place, for every weight and shape',
    'only reads the live tensors',
    'goes on averaging after a swap and back',
  ],
  'reverses the list': [
    'swaps bit for bit in the order of the lists, and twice is the identity',
    'keeps nothing alive that it was told to dispose of',
  ],
  'reverses the averages': [
    'averages to two units in the last place, for every weight and shape',
    'keeps as many tensors alive after 50 updates as after one',
  ],
  'reads late: clones by reference': [
    'clones bit for bit, and later changes of either do not reach the other',
  ],
  'reads late: averages when downloaded': [
    'has read the live tensors when it resolves',
    'is the mean of 200 weights to 1e-6',
    'throws for a disposed live tensor, and the averages hold their old values',
  ],
  'half-applies before it throws': [
    'throws for a disposed live tensor, and the averages hold their old values',
  ],
  'leaks a tensor an update': ['keeps as many tensors alive after 50 updates as after one'],
  'forgets to dispose': [
    'keeps nothing alive that it was told to dispose of',
    'throws for a disposed live tensor, and the averages hold their old values',
    'keeps as many tensors alive after 50 updates as after one',
    'compensated, changes nothing where it throws, and leaks nothing',
  ],
  'downloads views': ['downloads a copy: later updates do not reach it'],
  'uploads views': [
    'uploads a copy: later writes to the host array do not reach the tensor',
    'downloads a copy: later updates do not reach it',
    'swaps bit for bit in the order of the lists, and twice is the identity',
    'averages to two units in the last place, for every weight and shape',
    'has read the live tensors when it resolves',
    'is the mean of 200 weights to 1e-6',
    'throws for a disposed live tensor, and the averages hold their old values',
    'goes on averaging after a swap and back',
    'compensated, changes nothing where it throws, and leaks nothing',
  ],
  'never finds NaN': ['finds NaN and infinities wherever they are, and only there'],
  'takes an overflowing sum for an infinity': [
    'finds NaN and infinities wherever they are, and only there',
  ],
  'swaps numbers instead of bits': [
    'swaps bit for bit in the order of the lists, and twice is the identity',
  ],
  'drops the residual': ['compensated, follows decay 0.9999 to 1e-9 over 1,000 updates'],
};

describe.each(Object.entries(BROKEN))('a backend that %s', (what, breakIt) => {
  it('fails the tests of the suite that are about it', async () => {
    const failed: string[] = [];
    for (const { name, run } of backendConformance(harness('js', breakIt))) {
      await run().catch(() => failed.push(name));
    }
    expect(failed).toEqual(NOTICED[what]);
  });
});
