// Tensors' data, from one place to another.
import type { Texture } from 'gpu.js';
import type { Device } from '../device.js';
import { COPY } from './kernel-sources.js';
import type { Pack } from './pack.js';
import { Slice } from './pack.js';
import type { GpujsTensor } from './tensor.js';
import { tensorOf } from './tensor.js';
import type { Layout } from '../texture.js';
import { isTexture, layoutOf, nested } from '../texture.js';

/** Where the elements of a tensor are. */
export type Data = GpujsTensor['data'];

/** Frees what data holds on the device. */
export function freeData(device: Device, data: Data): void {
  if (isTexture(data)) device.free(data);
  else if (data instanceof Slice) data.pack.release();
}

/**
 * The elements on the host, those of a pack read at once. Nothing is copied that lies there
 * already.
 */
export async function hostArrays(
  device: Device,
  list: readonly Data[],
): Promise<readonly Float32Array[]> {
  const packs = new Map<Pack, Float32Array>();
  const arrays: Float32Array[] = [];
  for (const data of list) {
    if (data instanceof Slice) {
      const flat = packs.get(data.pack) ?? (await data.pack.read());
      packs.set(data.pack, flat);
      arrays.push(flat.subarray(data.start, data.start + data.length));
    } else {
      arrays.push(isTexture(data) ? await device.read(data) : (data as Float32Array));
    }
  }
  return arrays;
}

/** The elements as a texture of this layout, bit for bit. */
export async function textureOf(
  device: Device,
  array: Float32Array,
  layout: Layout,
): Promise<Texture> {
  const { output } = layout;
  return (await device.run(COPY(output.length), layout, [nested(array, output)])) as Texture;
}

/**
 * Copies, bit for bit, of arrays on the host and of textures on the device. gpu.js's own `clone`
 * shares the elements.
 */
export async function copies(
  device: Device,
  tensors: readonly GpujsTensor[],
): Promise<readonly GpujsTensor[]> {
  const others = tensors.filter(({ data }) => !isTexture(data));
  const arrays = await hostArrays(
    device,
    others.map(({ data }) => data),
  );
  const hosted = new Map(others.map(({ data }, n) => [data, arrays[n] as Float32Array]));
  const made: GpujsTensor[] = [];
  try {
    for (const { shape, data } of tensors) {
      made.push(
        tensorOf(
          shape,
          isTexture(data) ? await copyOf(device, data) : (hosted.get(data) as Float32Array).slice(),
        ),
      );
    }
  } catch (error) {
    for (const { data } of made) freeData(device, data);
    throw error;
  }
  return made;
}

async function copyOf(device: Device, texture: Texture): Promise<Texture> {
  const layout = layoutOf(texture, 'A texture');
  return (await device.run(COPY(layout.output.length), layout, [texture])) as Texture;
}
