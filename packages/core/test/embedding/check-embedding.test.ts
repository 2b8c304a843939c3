// checkEmbedding passes embeddings that are right, refuses wrong arguments, and leaves everything
// as it was. Embeddings that are broken are in flaws.test.ts.
import { cpuBackend, parameter } from '@polyak/backend-cpu';
import { AveragedModel } from '@polyak/core';
import { checkEmbedding } from '@polyak/core/embedding';
import type { HostTensor, Parameter } from '@polyak/core/interfaces';
import { describe, expect, it } from 'vitest';
import { halfBackend, halfParameter } from '../../../../tests/support/half-backend.js';
import { slow } from '../support/faults.js';
import { Network, parametersOf } from './network.js';

describe('an embedding that is right', () => {
  it('passes, and leaves the weights, the identities and the memory as they were', async () => {
    const [backend, network] = [cpuBackend(), new Network()];
    const before = structuredClone(network.weights);
    await expect(
      checkEmbedding(() => parametersOf(network), {
        backend,
        predict: () => network.predict(),
      }),
    ).resolves.toBeUndefined();
    expect(network.weights).toEqual(before);
    expect(backend.memory()).toEqual({ tensors: 0, bytes: 0 });
  });

  it('calls predict 2n + 4 times', async () => {
    const network = new Network();
    let calls = 0;
    const predict = (): number[] => {
      calls += 1;
      return network.predict();
    };
    await expect(
      checkEmbedding(parametersOf(network), { backend: cpuBackend(), predict }),
    ).resolves.toBeUndefined();
    expect(calls).toBe(2 * 4 + 4);
  });

  it('passes on a backend whose methods take time, with a predict that does', async () => {
    const network = new Network();
    const predict = async (): Promise<Float64Array> => {
      await Promise.resolve();
      return Float64Array.from(network.predict());
    };
    await expect(
      checkEmbedding(parametersOf(network), { backend: slow(cpuBackend()), predict }),
    ).resolves.toBeUndefined();
  });

  it('passes with half precision', async () => {
    const data = Uint16Array.of(0x3c00, 0x4000, 0x0001);
    const weight = halfParameter('w', { dtype: 'float16', shape: [3], data });
    const predict = (): number[] => Array.from(weight.get().data, Number);
    await expect(
      checkEmbedding([weight], { backend: halfBackend(), predict }),
    ).resolves.toBeUndefined();
    expect(predict()).toEqual([0x3c00, 0x4000, 0x0001]);
  });

  it('passes with large, infinite and subnormal weights', async () => {
    const data = Float32Array.of(3.4e38, -3.4e38, Infinity, -Infinity, 1e-45, -0, 4096, 4097);
    const weight = parameter('w', { dtype: 'float32', shape: [data.length], data });
    const before = new Uint8Array(data.buffer.slice(0));
    await expect(
      checkEmbedding([weight], { backend: cpuBackend(), predict: () => data }),
    ).resolves.toBeUndefined();
    expect(new Uint8Array(data.buffer)).toEqual(before);
  });

  it('passes with tied weights, and with an empty one', async () => {
    const data = Float32Array.of(1, 2);
    const tensor = { dtype: 'float32', shape: [2], data } as const;
    const empty = { dtype: 'float32', shape: [0], data: new Float32Array() } as const;
    const parameters = (): Parameter<HostTensor>[] => [
      parameter('input', tensor),
      parameter('output', tensor),
      parameter('none', empty),
    ];
    await expect(
      checkEmbedding(parameters, { backend: cpuBackend(), predict: () => data }),
    ).resolves.toBeUndefined();
  });

  it('passes with a model that fails with other integers', async () => {
    const [table, index] = [Float32Array.of(4, 5), Int32Array.of(1)];
    const parameters = [
      parameter('index', { dtype: 'int32', shape: [1], data: index }),
      parameter('count', { dtype: 'int64', shape: [1], data: BigInt64Array.of(7n) }),
      parameter('table', { dtype: 'float32', shape: [2], data: table }),
    ];
    const predict = (): number[] => {
      if (index[0] !== 1) throw new Error('out of range');
      return [...table];
    };
    await expect(
      checkEmbedding(parameters, { backend: cpuBackend(), predict }),
    ).resolves.toBeUndefined();
    expect([...index]).toEqual([1]);
  });
});

describe('a parameter that a small change does not show', () => {
  /** The scale is zero, as in a residual branch when it begins. */
  it('passes behind a weight of zero', async () => {
    const [scale, branch] = [Float64Array.of(0), Float64Array.of(3)];
    const parameters = Object.entries({ scale, branch }).map(([name, data]) =>
      parameter(name, { dtype: 'float64', shape: [1], data }),
    );
    const predict = (): number[] => [1 + (scale[0] ?? 0) * (branch[0] ?? 0)];
    await expect(
      checkEmbedding(parameters, { backend: cpuBackend(), predict }),
    ).resolves.toBeUndefined();
    expect([scale[0], branch[0]]).toEqual([0, 3]);
  });

  it('passes behind a ReLU that is off', async () => {
    const network = new Network();
    network.weights['hidden.bias'] = [-20, -30, -40];
    await expect(
      checkEmbedding(parametersOf(network), {
        backend: cpuBackend(),
        predict: () => network.predict(),
      }),
    ).resolves.toBeUndefined();
  });

  it('passes where predict returns the class', async () => {
    const network = new Network();
    const predict = (): number[] => {
      const logits = [-1, 0, 1].flatMap((x) =>
        [
          [x, 1],
          [x, -2],
        ].map((at) => network.predict(at)),
      );
      return logits.map(([a = 0, b = 0]) => Number(b > a));
    };
    await expect(
      checkEmbedding(parametersOf(network), { backend: cpuBackend(), predict }),
    ).resolves.toBeUndefined();
  });

  it('passes behind a softmax, which no equal step moves', async () => {
    const bias = Float64Array.of(0.5, 0.5, 0.5);
    const predict = (): number[] => {
      const powers = [...bias].map((value) => Math.exp(value));
      const sum = powers.reduce((total, value) => total + value, 0);
      return powers.map((value) => value / sum);
    };
    const parameters = [parameter('bias', { dtype: 'float64', shape: [3], data: bias })];
    await expect(
      checkEmbedding(parameters, { backend: cpuBackend(), predict }),
    ).resolves.toBeUndefined();
  });

  it('passes where it is named as unused, and not otherwise', async () => {
    const network = new Network();
    const head = parameter('head', {
      dtype: 'float32',
      shape: [2],
      data: Float32Array.of(1, 2),
    });
    const parameters = [...parametersOf(network), head];
    const options = { backend: cpuBackend(), predict: () => network.predict() };
    await expect(
      checkEmbedding(parameters, { ...options, unused: ['head'] }),
    ).resolves.toBeUndefined();
    await expect(checkEmbedding(parameters, options)).rejects.toMatchObject({
      code: 'ERR_EMBEDDING',
      message: expect.stringContaining('checkEmbedding: "head" can be set') as string,
    });
  });
});

describe('a predict that throws', () => {
  const calls = Array.from({ length: 12 }, (_, index) => index + 1);

  it.each(calls)('in call %i leaves all as it was', async (last) => {
    const [backend, network] = [cpuBackend(), new Network()];
    const before = structuredClone(network.weights);
    let count = 0;
    const predict = (): number[] => {
      count += 1;
      if (count === last) throw new Error(`call ${last}`);
      return network.predict();
    };
    const failing = checkEmbedding(parametersOf(network), { backend, predict });
    await expect(failing).rejects.toThrow(new Error(`call ${last}`));
    expect(network.weights).toEqual(before);
    expect(backend.memory()).toEqual({ tensors: 0, bytes: 0 });
  });
});

describe('a check', () => {
  it('is refused while averages are in the model, and holds it meanwhile', async () => {
    const [backend, network] = [cpuBackend(), new Network()];
    const averaged = new AveragedModel(parametersOf(network), { backend });
    await averaged.update();
    const options = { backend, predict: () => network.predict() };
    await averaged.withAveraged(async () => {
      await expect(checkEmbedding(parametersOf(network), options)).rejects.toMatchObject({
        code: 'ERR_SWAPPED',
      });
    });
    const errors: unknown[] = [];
    const predict = async (): Promise<number[]> => {
      await averaged.update().catch((error: unknown) => errors.push(String(error)));
      return network.predict();
    };
    await expect(
      checkEmbedding(parametersOf(network), { backend, predict }),
    ).resolves.toBeUndefined();
    expect([...new Set(errors)]).toEqual([
      expect.stringContaining('the weights that checkEmbedding has put into it'),
    ]);
    await averaged.update();
  });

  it('is refused where averages were left in the model, and does not take them out', async () => {
    const [backend, network] = [cpuBackend(), new Network()];
    const averaged = new AveragedModel(parametersOf(network), { backend });
    await averaged.update();
    network.weights['hidden.bias'] = [4, 5, 6];
    await averaged.swap({ recallable: true });
    const options = { backend, predict: () => network.predict() };
    await expect(checkEmbedding(parametersOf(network), options)).rejects.toMatchObject({
      code: 'ERR_SWAPPED',
    });
    expect(averaged.isSwapped).toBe(true);
    await averaged.swap();
    expect(network.weights['hidden.bias']).toEqual([4, 5, 6]);
  });

  it.each<[string, unknown, string]>([
    ['nothing', undefined, 'The parameters are undefined'],
    ['one that is nothing', [undefined], 'Parameter 0 is undefined'],
    ['one without get', [{ name: 'w', identity: {}, set() {} }], 'Parameter 0 is an object whose'],
  ])('refuses %s for the parameters', async (_, parameters, message) => {
    const options = { backend: cpuBackend(), predict: () => [1] };
    const failing = checkEmbedding(parameters as never, options);
    await expect(failing).rejects.toBeInstanceOf(TypeError);
    await expect(failing).rejects.toThrow(message);
  });

  it.each<[string, unknown, string]>([
    ['no options', undefined, 'checkEmbedding: the options are undefined'],
    ['no backend', { predict: () => [1] }, 'checkEmbedding: the backend is undefined'],
    ['no predict', { backend: cpuBackend() }, 'checkEmbedding: predict is undefined'],
    ['an odd option', { backend: cpuBackend(), inputs: 3 }, 'there is no option "inputs"'],
    [
      'a name for unused',
      { backend: cpuBackend(), predict: () => [1], unused: 'a' },
      'unused is "a". Expected an array of names.',
    ],
    [
      'an unknown name in unused',
      { backend: cpuBackend(), predict: () => [1], unused: ['a'] },
      'unused names "a". Expected some of "hidden.weight", ',
    ],
    [
      'a predict without numbers',
      { backend: cpuBackend(), predict: () => [] },
      'predict returned an array, expected an array of numbers that is not empty',
    ],
    [
      'a predict that returns a tensor',
      { backend: cpuBackend(), predict: () => ({ dataId: {} }) },
      'predict returned an object, expected an array of numbers',
    ],
    [
      'a predict that returns null',
      { backend: cpuBackend(), predict: () => null },
      'predict returned null, expected an array of numbers',
    ],
    [
      'a predict that returns text',
      { backend: cpuBackend(), predict: () => '12' },
      'predict returned "12", expected an array of numbers',
    ],
    [
      'a nested output',
      { backend: cpuBackend(), predict: () => [[1]] },
      'predict returned an array with an array at index 0, expected a number. Flatten it.',
    ],
  ])('refuses %s', async (_, options, message) => {
    const failing = checkEmbedding(parametersOf(new Network()), options as never);
    await expect(failing).rejects.toThrow(message);
    await expect(failing).rejects.not.toMatchObject({ name: 'PolyakError' });
  });
});
