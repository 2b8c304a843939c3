// SWA inside synaptic: where the weights of a network really are.
import { identityOf } from '@polyak/core/embedding';
import type { HostTensor, Parameter } from '@polyak/core/interfaces';

interface Unit {
  readonly ID: number;
  readonly connections: { readonly inputs: Readonly<Record<string, { readonly ID: number }>> };
}

/** What is needed of a `Network`. Its types leave out most of it. */
export interface Network {
  /** The compiled form, once there is one; false if the network does without. */
  readonly optimized?: Compiled | false | null;
  readonly layers: { readonly hidden: readonly Layer[]; readonly output: Layer };
  optimize(): void;
}

interface Layer {
  readonly list: readonly Unit[];
}

interface Compiled {
  /** What the network computes with. The weights in connections and units are old copies. */
  readonly memory: Float64Array;
  /** Indices into the memory, such as those of `weight_7` and `bias_3`. */
  readonly data: { readonly variables: Readonly<Record<string, { readonly id: number }>> };
}

/**
 * The weights and biases of each layer, for the CPU backend, which gets copies of them.
 *
 * @param network - feed-forward, without gates
 */
export function networkParameters(network: Network): readonly Parameter<HostTensor>[] {
  const { hidden, output } = network.layers;
  return [...hidden, output].flatMap(({ list }, layer) => [
    // Units and connections are numbered across all networks: names count layers instead.
    memoryParameter(network, `layer${layer + 1}.weights`, list.flatMap(weightsInto)),
    memoryParameter(
      network,
      `layer${layer + 1}.biases`,
      list.map(({ ID }) => `bias_${ID}`),
    ),
  ]);
}

function weightsInto({ connections }: Unit): readonly string[] {
  return Object.values(connections.inputs).map(({ ID }) => `weight_${ID}`);
}

function memoryParameter(
  network: Network,
  name: string,
  variables: readonly string[],
): Parameter<HostTensor> {
  return {
    name,
    identity: identityOf(network, name),
    get: () => {
      const { memory, data } = compiled(network);
      const values = variables.map((key) => memory[data.variables[key]?.id ?? -1] ?? NaN);
      return { dtype: 'float64', shape: [values.length], data: Float64Array.from(values) };
    },
    set: ({ data: values }) => {
      const { memory, data } = compiled(network);
      for (const [n, key] of variables.entries()) {
        memory[data.variables[key]?.id ?? -1] = values[n] as number;
      }
    },
  };
}

/** Asked for each time: `clear`, `project` and others throw it away. */
function compiled(network: Network): Compiled {
  if (network.optimized !== false && !network.optimized) network.optimize();
  if (network.optimized) return network.optimized;
  throw new TypeError('The network is not compiled: leave out setOptimize(false).');
}
