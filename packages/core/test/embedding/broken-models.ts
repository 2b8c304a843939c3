// Embeddings in models that compute with other weights, or not with weights alone.
import type { Broken } from './broken.js';
import { dense, Network, parametersOf } from './network.js';

export const brokenModels: readonly Broken[] = [
  {
    what: 'whose model computes with a copy of the weights that it keeps',
    message: '"hidden.weight", "hidden.bias", "output.weight", "output.bias" can be set and read',
    make: () => {
      const [network, real] = [new Network(), new Network()];
      return {
        parameters: parametersOf(network),
        predict: () => real.predict(),
        held: () => [network.weights, real.weights],
      };
    },
  },
  {
    what: 'of which one layer is compiled into the model at its first use',
    message: '"output.weight" can be set and read back, but do not move the output of predict',
    make: () => {
      const network = new Network();
      let compiled: readonly number[] | undefined;
      return {
        parameters: parametersOf(network),
        predict: () => {
          compiled ??= network.weights['output.weight'];
          const hidden = dense(
            [1, 2],
            network.weights['hidden.weight'],
            network.weights['hidden.bias'],
          );
          return dense(hidden, compiled, network.weights['output.bias']);
        },
        held: () => network.weights,
      };
    },
  },
  {
    what: 'whose model refreshes its copy of the weights after a prediction',
    message: 'all weights are back, but predict returns another output than before',
    make: () => {
      const network = new Network();
      let cached = network.predict();
      const predict = (): number[] => {
        const now = cached;
        cached = network.predict();
        return now;
      };
      return { parameters: parametersOf(network), predict, held: () => network.weights };
    },
  },
  {
    what: 'whose model has dropout',
    message: 'predict returns another output each time',
    make: () => {
      const network = new Network();
      let calls = 0;
      const predict = (): number[] => {
        calls += 1;
        return network.predict([1, calls]);
      };
      return { parameters: parametersOf(network), predict, held: () => network.weights };
    },
  },
  {
    what: 'whose model trains when it predicts',
    message: 'predict changes "output.bias"',
    make: () => {
      const network = new Network();
      const predict = (): number[] => {
        const output = network.predict();
        network.weights['output.bias'] = [0.5, 0.5];
        network.weights['output.bias'] = network.weights['output.bias'].map(() => 0.25);
        return [output.length];
      };
      return { parameters: parametersOf(network), predict, held: () => network.weights };
    },
  },
  {
    what: 'whose model keeps something of weights that are gone',
    message: 'all weights are back, but predict returns another output than before',
    make: () => {
      const network = new Network();
      let largest = 1;
      const predict = (): number[] => {
        largest = Math.max(largest, ...network.weights['output.weight']);
        return network.predict().map((value) => value / largest);
      };
      return { parameters: parametersOf(network), predict, held: () => network.weights };
    },
  },
  {
    what: 'whose model returns NaN',
    message: 'the output of predict is NaN at index 1, which no weight moves',
    make: () => {
      const network = new Network();
      const predict = (): number[] => [network.predict()[0] ?? 0, NaN];
      return { parameters: parametersOf(network), predict, held: () => network.weights };
    },
  },
  {
    what: 'whose model returns NaN first',
    message: 'the output of predict is NaN at index 0, which no weight moves',
    make: () => {
      const network = new Network();
      const predict = (): number[] => [NaN, ...network.predict()];
      return { parameters: parametersOf(network), predict, held: () => network.weights };
    },
  },
  {
    what: 'whose model returns fewer numbers the second time',
    message: 'predict returns another output each time. Run the model on a fixed input',
    make: () => {
      const network = new Network();
      let length = 3;
      const predict = (): number[] => network.predict().slice(0, (length -= 1));
      return { parameters: parametersOf(network), predict, held: () => network.weights };
    },
  },
  {
    what: 'without parameters',
    message: 'there are no parameters',
    make: () => ({ parameters: [], predict: () => [1], held: () => 0 }),
  },
];
