// synaptic: what is averaged and resumed, and the traps.
import { cpuBackend } from '@polyak/backend-cpu';
import { checkEmbedding, identityOf } from '@polyak/core/embedding';
import type { HostTensor, Parameter } from '@polyak/core/interfaces';
import synaptic from 'synaptic';
import { describe, expect, it } from 'vitest';
import { declareEmbedding } from '../../../tests/support/embedding.js';
import { makeNetwork } from '../src/network.js';
import { networkParameters } from '../src/synaptic-swa.js';

const backend = cpuBackend();

describe('the network', () => {
  declareEmbedding(makeNetwork);
});

describe('the weights of a network', () => {
  it('have names that do not count the networks before', () => {
    const names = (): string[] => makeNetwork().weights.map(({ name }) => name);
    expect(names()).toEqual(['layer1.weights', 'layer1.biases', 'layer2.weights', 'layer2.biases']);
    expect(names()).toEqual(names());
  });

  it('are those that toJSON shows', async () => {
    const network = new synaptic.Architect.Perceptron(2, 3, 1);
    const [weights] = networkParameters(network);
    await weights?.set(tensorOf([1, 2, 3, 4, 5, 6]));
    const { connections } = network.toJSON() as { connections: { weight: number }[] };
    expect(connections.slice(0, 6).map(({ weight }) => weight)).toEqual([1, 3, 5, 2, 4, 6]);
  });

  it('are found again after clear, which throws the compiled form away', async () => {
    const network = new synaptic.Architect.Perceptron(2, 3, 1);
    const [weights] = networkParameters(network);
    await weights?.set(tensorOf([1, 2, 3, 4, 5, 6]));
    network.clear();
    expect([...(weights?.get().data ?? [])]).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it('are refused where the network does without a compiled form', () => {
    const network = new synaptic.Architect.Perceptron(2, 3, 1);
    network.setOptimize(false);
    expect(() => networkParameters(network)[0]?.get()).toThrow('Leave out setOptimize(false).');
  });

  it('are not those of the units, as the check says', async () => {
    const network = new synaptic.Architect.Perceptron(2, 3, 1);
    const bias = (unit: { bias: number }, n: number): Parameter<HostTensor> => ({
      name: `bias${n}`,
      identity: identityOf(unit, 'bias'),
      get: () => tensorOf([unit.bias]),
      set: ({ data }) => {
        unit.bias = Number(data[0]);
      },
    });
    const units = (network.neurons() as unknown as { neuron: { bias: number } }[]).map(
      ({ neuron }) => neuron,
    );
    const predict = (): number[] => network.activate([0.5, -1]);
    predict(); // compiles
    await expect(checkEmbedding(units.slice(2).map(bias), { backend, predict })).rejects.toThrow(
      '"bias0", "bias1", "bias2", "bias3" can be set and read back, but do not move the output',
    );
  });
});

function tensorOf(values: readonly number[]): HostTensor {
  return { dtype: 'float64', shape: [values.length], data: Float64Array.from(values) };
}
