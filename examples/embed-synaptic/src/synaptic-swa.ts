// SWA inside synaptic: where the weights of a network really are.
import { identityOf } from '@polyak/core/embedding';
import type { HostTensor, Parameter } from '@polyak/core/interfaces';
import type { Network } from 'synaptic';

/** What the types of synaptic leave out. */
interface Insides {
  /** The compiled form, once there is one; false if the network does without. */
  readonly optimized?: Compiled | false | null;
  readonly layers: Readonly<{ hidden: readonly Layer[]; output: Layer }>;
}

interface Compiled {
  /** What the network computes with. The weights in connections and units are old copies. */
  readonly memory: Float64Array;
  /** Where in the memory, for each name such as `weight_7` and `bias_3`. */
  readonly data: { readonly variables: Readonly<Record<string, { readonly id: number }>> };
}

type Layer = Readonly<{ list: readonly Unit[] }>;
type Unit = Readonly<{ ID: number; connections: { inputs: Record<string, { ID: number }> } }>;

/**
 * The weights and biases of each layer, for the CPU backend, which gets copies of them.
 *
 * @param network - feed-forward, without gates
 */
export function networkParameters(network: Network): readonly Parameter<HostTensor>[] {
  const { hidden, output } = (network as unknown as Insides).layers;
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
      const { memory, indices } = placesIn(network, variables);
      const data = Float64Array.from(indices, (index) => memory[index] ?? NaN);
      return { dtype: 'float64', shape: [data.length], data };
    },
    set: ({ data }) => {
      const { memory, indices } = placesIn(network, variables);
      for (const [n, index] of indices.entries()) memory[index] = Number(data[n]);
    },
  };
}

/** Asked for each time: `clear`, `project` and others throw the compiled form away. */
function placesIn(network: Network, variables: readonly string[]) {
  const insides = network as unknown as Insides;
  if (insides.optimized === false) throw new TypeError('Leave out setOptimize(false).');
  if (!insides.optimized) network.optimize();
  const { memory, data } = insides.optimized as Compiled;
  return { memory, indices: variables.map((name) => data.variables[name]?.id ?? NaN) };
}
