// Whether all elements are finite, found where they are.
import { elementCount } from '@polyak/core';
import type { Texture } from 'gpu.js';
import type { Data } from './data.js';
import { hostArrays } from './data.js';
import type { Device } from '../device.js';
import { isTexture, layoutOf } from '../texture.js';

/** Elements that one thread reads. Some drivers stop a thread's loops at 65,535 rounds. */
const RUN = 256;

/**
 * A sum for each run of elements: 0 where they are finite, NaN elsewhere. Comparisons with NaN may
 * be optimised away, and so may a product with 0, but not one with an argument.
 */
const source = (length: number): string => `function (a, zero) {
  let sum = 0;
  for (let j = 0; j < ${RUN}; j++) {
    const i = this.thread.x * ${RUN} + j;
    if (i < ${length}) sum += a[i] * zero;
  }
  return sum;
}`;

/**
 * For each tensor, whether all its elements are finite.
 *
 * @param device - where textures lie
 * @param list - the data
 * @param isOnDevice - whether a kernel looks through textures; they are read otherwise
 */
export async function allFinite(
  device: Device,
  list: readonly Data[],
  isOnDevice: boolean,
): Promise<readonly boolean[]> {
  const answers = new Map<Data, boolean>();
  for (const data of list) {
    if (isOnDevice && isTexture(data)) answers.set(data, await isTextureFinite(device, data));
  }
  const others = list.filter((data) => !answers.has(data));
  const arrays = await hostArrays(device, others);
  others.forEach((data, n) => answers.set(data, isArrayFinite(arrays[n] as Float32Array)));
  return list.map((data) => answers.get(data) === true);
}

async function isTextureFinite(device: Device, texture: Texture): Promise<boolean> {
  const length = elementCount(layoutOf(texture, 'A tensor').output);
  const layout = { output: [Math.ceil(length / RUN)], optimizeFloatMemory: true };
  const sums = await device.run(source(length), layout, [texture, 0]);
  try {
    return (await device.read(sums)).every((sum) => sum === 0);
  } finally {
    device.free(sums);
  }
}

function isArrayFinite(array: Float32Array): boolean {
  let sum = 0;
  for (let n = 0; n < array.length; n += 1) sum += (array[n] as number) * 0;
  return sum === 0;
}
