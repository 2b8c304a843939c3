// Copies of tensors' data between the host, textures and packs.
import type { Texture } from 'gpu.js';
import type { Steps } from '@polyak/core/kit';
import type { Device } from '../device.js';
import { COPY } from './kernel-sources.js';
import type { Pack } from './pack.js';
import { Slice } from './pack.js';
import type { GpujsTensor } from '../tensor.js';
import { tensorOf } from '../tensor.js';
import type { Layout } from '../texture.js';
import { isTexture, layoutOf, nested, signatureOf } from '../texture.js';

/** The data of a tensor. */
export type Data = GpujsTensor['data'];

/** Frees the device memory of data. */
export function freeData(list: readonly Data[]): void {
  for (const data of list) {
    if (isTexture(data)) data.delete();
    else if (data instanceof Slice) data.pack.release();
  }
}

/**
 * The elements as arrays on the host. Arrays are not copied, and a pack is read once.
 */
export function* hostArrays(device: Device, list: readonly Data[]): Steps<readonly Float32Array[]> {
  const packs = new Map<Pack, Float32Array>();
  const arrays: Float32Array[] = [];
  for (const data of list) {
    if (data instanceof Slice) {
      const flat = packs.get(data.pack) ?? (yield* data.pack.read());
      packs.set(data.pack, flat);
      arrays.push(flat.subarray(data.start, data.start + data.length));
    } else {
      arrays.push(isTexture(data) ? yield* device.read(data) : (data as Float32Array));
    }
  }
  return arrays;
}

/** The elements as a texture of this layout, bit for bit. */
export function* textureOf(device: Device, array: Float32Array, layout: Layout): Steps<Texture> {
  const { output } = layout;
  return yield* device.run(COPY(output.length), layout, [nested(array, output)]);
}

/**
 * Copies, bit for bit, of arrays on the host and of textures on the device. gpu.js's own `clone`
 * shares the elements, which a kernel may overwrite.
 */
export function* copies(
  device: Device,
  tensors: readonly GpujsTensor[],
): Steps<readonly GpujsTensor[]> {
  const made: GpujsTensor[] = [];
  const hosted = tensors.flatMap(({ data }) => (isTexture(data) ? [] : [data]));
  const arrays = (yield* hostArrays(device, hosted)).values();
  try {
    for (const { shape, data } of tensors) {
      const copy = isTexture(data)
        ? yield* copyOf(device, data)
        : (arrays.next().value as Float32Array).slice();
      made.push(tensorOf(shape, copy));
    }
  } catch (error) {
    freeData(made.map(({ data }) => data));
    throw error;
  }
  return made;
}

function* copyOf(device: Device, texture: Texture): Steps<Texture> {
  const layout = layoutOf(texture, 'A texture');
  return yield* device.run(COPY(layout.output.length), layout, [texture]);
}

/** Tensors to set, and the data that was made for them. */
export interface Given {
  readonly tensors: readonly GpujsTensor[];
  /** To be freed after the tensors have been set. */
  readonly made: readonly Data[];
}

/**
 * Tensors that can replace `held` in a model: arrays for arrays, and textures of the same layout
 * for textures. With anything else gpu.js compiles the model's kernels anew, or they read garbage.
 *
 * @param device - that has the textures
 * @param tensors - one for each of `held`, of the same spec; not changed
 * @param held - what the model holds now
 * @returns each tensor itself if it fits, otherwise one with the same elements
 */
export function* likeHeld(
  device: Device,
  tensors: readonly GpujsTensor[],
  held: readonly GpujsTensor[],
): Steps<Given> {
  const fits = tensors.map((tensor, n) => isAlike(tensor, held[n] as GpujsTensor));
  const unfit = tensors.flatMap(({ data }, n) => (fits[n] === true ? [] : [data]));
  const arrays = (yield* hostArrays(device, unfit)).values();
  const given: GpujsTensor[] = [];
  const made: Data[] = [];
  try {
    for (const [n, tensor] of tensors.entries()) {
      const { data } = held[n] as GpujsTensor;
      if (fits[n] === true) {
        given.push(tensor);
        continue;
      }
      const array = arrays.next().value as Float32Array;
      if (!isTexture(data)) {
        given.push(tensorOf(tensor.shape, array));
        continue;
      }
      const texture = yield* textureOf(device, array, layoutOf(data, 'What a parameter holds'));
      made.push(texture);
      given.push(tensorOf(tensor.shape, texture));
    }
  } catch (error) {
    freeData(made);
    throw error;
  }
  return { tensors: given, made };
}

function isAlike({ data }: GpujsTensor, { data: held }: GpujsTensor): boolean {
  if (isTexture(held)) return isTexture(data) && signatureOf(data) === signatureOf(held);
  return data instanceof Float32Array;
}
