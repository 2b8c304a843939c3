// SWA inside brain.js on a GPU: where the textures of a network are.
import { gpujsTensor, type GpujsTensor } from '@polyak/backend-gpujs';
import { identityOf } from '@polyak/core/embedding';
import type { Parameter } from '@polyak/core/interfaces';
import type { Texture } from 'gpu.js';
import { layersOf } from './brain-swa.js';

/**
 * What is asked of a `NeuralNetworkGPU`: a texture for each layer, which each step of training
 * replaces.
 */
export interface TextureNetwork {
  readonly weights: unknown[];
  readonly biases: unknown[];
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
      identity: identityOf(list, layer),
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

function textureIn(value: unknown, name: string): Texture {
  if (typeof value === 'object' && value !== null && 'toArray' in value) return value as Texture;
  throw new TypeError(`"${name}" is no texture: train one step first, and on a GPU.`);
}
