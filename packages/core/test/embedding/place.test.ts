// What a check leaves where a set keeps what it is given, or no longer takes the weights.
import { cpuBackend } from '@polyak/backend-cpu';
import type { CpuBackend } from '@polyak/backend-cpu';
import { checkEmbedding } from '@polyak/core/embedding';
import type { HostTensor, Parameter } from '@polyak/core/interfaces';
import { describe, expect, it } from 'vitest';
import { Network, parametersOf, tensorOf } from './network.js';

describe('a set that keeps the tensor that it is given', () => {
  /** A model that computes with the last tensor that it was given. */
  function keeping(tensor: HostTensor) {
    let held = tensor;
    const w: Parameter<HostTensor> = {
      name: 'w',
      identity: {},
      get: () => held,
      set: (given) => {
        held = given;
      },
    };
    const predict = (): number[] => Array.from(held.data, Number);
    return { parameters: [w], predict };
  }

  it('is left with one that is not disposed of, and has the weights', async () => {
    const backend = cpuBackend();
    const { parameters, predict } = keeping(tensorOf([1, 2]));
    await expect(checkEmbedding(parameters, { backend, predict })).rejects.toThrow('keeps');
    expect(predict()).toEqual([1, 2]);
    expect(backend.memory()).toEqual({ tensors: 1, bytes: 16 });
  });

  it('is found where memory is used again without a check', async () => {
    const free: Float64Array[] = [];
    const backend: CpuBackend = {
      ...cpuBackend(),
      upload: (tensors) =>
        tensors.map((tensor) => {
          const data = free.shift() ?? new Float64Array(2);
          data.set(tensor.data as Float64Array);
          return { ...tensor, data };
        }),
      download: (tensors) =>
        tensors.map((tensor) => ({ ...tensor, data: tensor.data.slice() as Float64Array })),
      swap: (parameters, tensors) => {
        const kept = backend.upload(parameters.map((place) => place.get()));
        for (const [n, place] of parameters.entries()) void place.set(tensors[n] as HostTensor);
        return kept;
      },
      dispose: (tensors) => free.push(...tensors.map(({ data }) => data as Float64Array)),
    };
    const { parameters, predict } = keeping(tensorOf([1, 2]));
    await expect(checkEmbedding(parameters, { backend, predict })).rejects.toThrow(
      'set of "w" keeps the tensor that it is given, whose owner may dispose of it',
    );
  });
});

describe('weights that cannot be put back', () => {
  /** That of `hidden.weight` fails too, but had put its weights back before. */
  it('are named, beside what was found, and the others are put back', async () => {
    const [backend, network] = [cpuBackend(), new Network()];
    const before = structuredClone(network.weights);
    let [calls, isFrozen] = [0, false];
    const parameters = parametersOf(network).map((right) => ({
      ...right,
      set: (tensor: HostTensor) => {
        if (isFrozen && right.name.startsWith('hidden')) throw new Error(`${right.name} is frozen`);
        return right.set(tensor);
      },
    }));
    const predict = (): number[] => {
      calls += 1;
      if (calls === 8) {
        isFrozen = true;
        throw new Error('out of data');
      }
      return network.predict();
    };
    await expect(checkEmbedding(parameters, { backend, predict })).rejects.toMatchObject({
      name: 'AggregateError',
      message: expect.stringContaining('out of data') as string,
      errors: [
        { message: 'out of data' },
        {
          errors: [{ message: 'hidden.bias is frozen' }],
        },
      ],
    });
    const { 'hidden.bias': found, ...rest } = network.weights;
    const { 'hidden.bias': wanted, ...others } = before;
    expect(rest).toEqual(others);
    expect(found).not.toEqual(wanted);
    expect(backend.memory()).toEqual({ tensors: 0, bytes: 0 });
  });
});
