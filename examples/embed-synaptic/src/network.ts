// A network of synaptic, as its users make one.
import { cpuBackend } from '@polyak/backend-cpu';
import type { HostTensor } from '@polyak/core/interfaces';
import type { Embedded } from '@polyak/example-shared/embedded-run';
import synaptic from 'synaptic';
import { networkParameters } from './synaptic-swa.js';

const [RATE, UNITS] = [0.3, 16];

/** A network and where its numbers are. Its gradient descent keeps nothing between steps. */
export function makeNetwork(): Embedded<HostTensor> {
  const network = new synaptic.Architect.Perceptron(2, UNITS, 1);
  return {
    backend: cpuBackend(),
    weights: networkParameters(network),
    optimizerState: [],
    step(batch) {
      for (const { input, label } of batch) {
        network.activate([...input]);
        network.propagate(RATE, [label]);
      }
    },
    predict: (points) => points.map(({ input }) => network.activate([...input])[0] ?? NaN),
  };
}
