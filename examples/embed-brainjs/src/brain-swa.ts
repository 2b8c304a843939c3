// SWA inside brain.js: all that embedding the core in another framework takes is to say where its
// weights are.
import { parameter } from '@polyak/backend-cpu';
import { gpujsTensor, type GpujsTensor } from '@polyak/backend-gpujs';
import { observedOptimizer } from '@polyak/core';
import { type HostTensor, type Optimizer, type Parameter } from '@polyak/core/interfaces';
import type { Texture } from 'gpu.js';

/**
 * What is asked of a `NeuralNetwork`: weights[layer][neuron] and biases[layer], from layer 1 on.
 */
export interface HostNetwork {
  readonly weights: readonly (readonly Float32Array[])[];
  readonly biases: readonly Float32Array[];
}

/**
 * What is asked of a `NeuralNetworkGPU`: a texture for each layer, which each step of training
 * replaces.
 */
export interface TextureNetwork {
  readonly weights: unknown[];
  readonly biases: unknown[];
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
export function hostParameters(net: HostNetwork): readonly Parameter<HostTensor>[] {
  const cell = (name: string, data: Float32Array): Parameter<HostTensor> =>
    parameter(name, { dtype: 'float32', shape: [data.length], data });
  return layersOf(net).flatMap((layer) => [
    ...(net.weights[layer] ?? []).map((data, neuron) =>
      cell(`layer${layer}.neuron${neuron}.weights`, data),
    ),
    cell(`layer${layer}.biases`, net.biases[layer] ?? new Float32Array()),
  ]);
}

/**
 * The weights of a `NeuralNetworkGPU`, for the gpu.js backend on `net.gpu`. A swap exchanges
 * textures; nothing is read back.
 *
 * @param net - trained for one step at least, since it starts with arrays
 * @throws TypeError where the weights are no textures: before the first step, and without a GPU
 */
export function textureParameters(net: TextureNetwork): readonly Parameter<GpujsTensor>[] {
  const cell = (list: unknown[], layer: number, part: string): Parameter<GpujsTensor> => {
    const name = `layer${layer}.${part}`;
    const live: Parameter<GpujsTensor> = {
      name,
      identity: placeIn(list, layer),
      get: () => gpujsTensor(textureIn(list[layer], name)),
      set: ({ data }) => {
        const old = textureIn(list[layer], name);
        // One more handle on the same elements: the other one is the backend's.
        list[layer] = textureIn(data, name).clone();
        old.delete();
      },
    };
    live.get(); // refuses at once
    return live;
  };
  return layersOf(net).flatMap((layer) => [
    cell(net.weights, layer, 'weights'),
    cell(net.biases, layer, 'biases'),
  ]);
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
function layersOf({ biases }: { readonly biases: readonly unknown[] }): readonly number[] {
  if (biases.length > 1) return Array.from({ length: biases.length - 1 }, (_, index) => index + 1);
  throw new TypeError('The network has no weights yet: call its prepTraining(data) first.');
}

/** What stands for the places of a list, which lives as long as its network. */
const places = new WeakMap<readonly unknown[], Map<number, object>>();

/** The same object whenever it is asked for. */
function placeIn(list: readonly unknown[], layer: number): object {
  const known = places.get(list) ?? new Map<number, object>();
  places.set(list, known);
  const place = known.get(layer) ?? {};
  known.set(layer, place);
  return place;
}

function textureIn(value: unknown, name: string): Texture {
  if (typeof value === 'object' && value !== null && 'toArray' in value) return value as Texture;
  throw new TypeError(`"${name}" is no texture: train one step first, and on a GPU.`);
}
