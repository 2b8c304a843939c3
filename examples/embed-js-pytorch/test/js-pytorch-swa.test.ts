// js-pytorch: what is averaged and resumed, and the traps.
import { cpuBackend } from '@polyak/backend-cpu';
import { checkEmbedding } from '@polyak/core/embedding';
import type { HostTensor, Parameter } from '@polyak/core/interfaces';
import { torch } from 'js-pytorch';
import { describe, expect, it } from 'vitest';
import { declareEmbedding, declareOptimizerState } from '../../../tests/support/embedding.js';
import { moduleParameters } from '../src/js-pytorch-swa.js';
import { makeNetwork } from '../src/network.js';

describe('the network', () => {
  declareEmbedding(makeNetwork);
  declareOptimizerState(makeNetwork);
});

describe('the weights of a module', () => {
  const backend = cpuBackend();
  const input = torch.tensor([[1, -2, 0.5]]);

  it('have the paths to them for names', () => {
    const names = makeNetwork().weights.map(({ name }) => name);
    expect(names).toEqual(['hidden.W', 'hidden.b', 'output.W', 'output.b']);
  });

  it('may be unused: a Linear without bias has one all the same', async () => {
    const linear = new torch.nn.Linear(3, 2, 'cpu', false);
    const predict = (): number[] => linear.forward(input).tolist().flat() as number[];
    const options = { backend, predict };
    await expect(checkEmbedding(moduleParameters(linear), options)).rejects.toThrow(
      'checkEmbedding: "b" can be set and read back, but do not move the output of predict',
    );
    await checkEmbedding(moduleParameters(linear), { ...options, unused: ['b'] });
  });

  it('are named where float32 rounds them', async () => {
    const linear = new torch.nn.Linear(3, 2);
    const narrow = moduleParameters(linear).map((right): Parameter<HostTensor> => ({
      ...right,
      get: () => ({ ...right.get(), dtype: 'float32', data: Float32Array.from(numbersOf(right)) }),
    }));
    const predict = (): number[] => linear.forward(input).tolist().flat() as number[];
    await expect(checkEmbedding(narrow, { backend, predict })).rejects.toThrow(
      'setting "W" to what its get returns changes the output of predict',
    );
  });

  it('are named where get returns the array of the beginning', async () => {
    const linear = new torch.nn.Linear(3, 2);
    const stale = moduleParameters(linear).map((right): Parameter<HostTensor> => {
      const first = right.get();
      return { ...right, get: () => first };
    });
    const predict = (): number[] => linear.forward(input).tolist().flat() as number[];
    await expect(checkEmbedding(stale, { backend, predict })).rejects.toThrow(
      'after set, get of "W" returns other values',
    );
  });

  it('are not what a network with dropout shows', async () => {
    const [linear, dropout] = [new torch.nn.Linear(3, 8), new torch.nn.Dropout(0.5)];
    const predict = (): number[] =>
      dropout.forward(linear.forward(input)).tolist().flat() as number[];
    const check = (): Promise<void> =>
      checkEmbedding(moduleParameters(linear), { backend, predict });
    await expect(check()).rejects.toThrow('predict returns another output each time');
    dropout.eval();
    await check();
  });
});

function numbersOf(parameter: Parameter<HostTensor>): number[] {
  return Array.from(parameter.get().data, Number);
}
