// A network of brain.js, as its users make one.
import { cpuBackend } from '@polyak/backend-cpu';
import type { HostTensor } from '@polyak/core/interfaces';
import type { Embedded } from '@polyak/example-shared/embedded-run';
import brain from 'brain.js';
import { hostParameters, momentumState } from './brain-swa.js';

/** A network and where its numbers are. */
export function makeNetwork(): Embedded<HostTensor> {
  const network = new brain.NeuralNetwork<number[], number[]>({
    hiddenLayers: [16],
    learningRate: 0.3,
    momentum: 0.5,
  });
  network.prepTraining([{ input: [0, 0], output: [0] }]); // makes the weights
  return {
    backend: cpuBackend(),
    weights: hostParameters(network),
    optimizerState: momentumState(network),
    step(batch) {
      for (const { input, label } of batch) {
        network.trainPattern({
          input: Float32Array.from(input),
          output: Float32Array.of(label),
        });
      }
    },
    predict: (points) => points.map(({ input }) => network.run([...input])[0] ?? NaN),
  };
}
