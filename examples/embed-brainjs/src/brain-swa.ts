// SWA inside brain.js: where the numbers of a network are.
import { parameter } from '@polyak/backend-cpu';
import { observedOptimizer } from '@polyak/core';
import type { HostTensor, Optimizer, Parameter } from '@polyak/core/interfaces';

type Weight = Parameter<HostTensor>;
/** Numbers for each neuron of each layer from 1 on, such as weights. */
type NeuronArrays = readonly (readonly Float32Array[])[];

/** What is asked of a `NeuralNetwork`. */
export interface HostNetwork {
  readonly weights: NeuronArrays;
  readonly biases: readonly Float32Array[];
  /** What momentum keeps between steps. `toJSON` leaves it out. */
  readonly changes: NeuronArrays;
}

/** Where brain.js reads its learning rate. */
export interface Trainable {
  readonly trainOpts: { learningRate: number };
}

/**
 * The weights of a `NeuralNetwork`, for the CPU backend: brain.js computes with plain arrays, so a
 * swap writes into them.
 *
 * @param net - initialized: `net.prepTraining(data)` does that
 */
export function hostParameters(net: HostNetwork): readonly Weight[] {
  return layersOf(net).flatMap((layer) => [
    ...cellsOf(net.weights, layer, 'weights'),
    cell(`layer${layer}.biases`, net.biases[layer] ?? new Float32Array()),
  ]);
}

/** What momentum keeps between steps, without which a saved run goes on differently. */
export function momentumState(net: HostNetwork): readonly Weight[] {
  return layersOf(net).flatMap((layer) => cellsOf(net.changes, layer, 'changes'));
}

/**
 * What `SWA` drives: brain.js takes the step in the closure of `swa.step`. On a `NeuralNetworkGPU`
 * the learning rate is compiled into the kernels, so `swaLr` has no effect there and is best left
 * out.
 */
export function brainOptimizer<T>(net: Trainable, params: readonly Parameter<T>[]): Optimizer<T> {
  const group = {
    params,
    get lr(): number {
      return net.trainOpts.learningRate;
    },
    set lr(rate: number) {
      net.trainOpts.learningRate = rate;
    },
  };
  return observedOptimizer([group]);
}

/** Layer 0 is the input and has no weights. */
export function layersOf({ biases }: { readonly biases: readonly unknown[] }): readonly number[] {
  if (biases.length > 1) return Array.from({ length: biases.length - 1 }, (_, index) => index + 1);
  throw new TypeError('The network has no weights yet: call its prepTraining(data) first.');
}

function cellsOf(arrays: NeuronArrays, layer: number, part: string): readonly Weight[] {
  const neurons = arrays[layer] ?? [];
  return neurons.map((data, neuron) => cell(`layer${layer}.neuron${neuron}.${part}`, data));
}

function cell(name: string, data: Float32Array): Weight {
  return parameter(name, { dtype: 'float32', shape: [data.length], data });
}
