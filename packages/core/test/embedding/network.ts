// A small network as a framework would hold it, and embeddings of it that are right.
import { identityOf } from '@polyak/core/embedding';
import type { HostTensor, Parameter } from '@polyak/core/interfaces';

export type Layer = 'hidden.weight' | 'hidden.bias' | 'output.weight' | 'output.bias';

/** Two inputs, three hidden units with ReLU, two outputs; JavaScript numbers. */
export class Network {
  readonly weights: Record<Layer, number[]> = {
    'hidden.weight': [0.5, -0.25, 0.75, 1.1, -0.6, 0.3],
    'hidden.bias': [0.1, 0.2, 0.3],
    'output.weight': [0.4, -0.7, 0.2, 0.9, -0.1, 0.6],
    'output.bias': [0.01, -0.02],
  };

  /** The logits for one input. */
  predict(inputs: readonly number[] = [1, 2]): number[] {
    const { weights } = this;
    const hidden = dense(inputs, weights['hidden.weight'], weights['hidden.bias']);
    const active = hidden.map((value) => Math.max(value, 0));
    return dense(active, weights['output.weight'], weights['output.bias']);
  }
}

export function dense(
  inputs: readonly number[],
  weight: readonly number[],
  bias: readonly number[],
) {
  return bias.map((offset, unit) =>
    inputs.reduce((sum, value, n) => sum + value * (weight[n * bias.length + unit] ?? NaN), offset),
  );
}

/** A float64 tensor of a list. */
export function tensorOf(values: readonly number[]): HostTensor {
  return { dtype: 'float64', shape: [values.length], data: Float64Array.from(values) };
}

/** The parameters of a network: copies in, copies out. */
export function parametersOf(network: Network): readonly Parameter<HostTensor>[] {
  return (Object.keys(network.weights) as Layer[]).map((name) => ({
    name,
    identity: identityOf(network, name),
    get: () => tensorOf(network.weights[name]),
    set: ({ data }) => {
      network.weights[name] = Array.from(data as Float64Array);
    },
  }));
}
