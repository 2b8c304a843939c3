// What a device shows of its arithmetic: drivers may round, reorder and drop operations as they
// like.
import type { Data } from './data.js';
import { freeData, hostArrays, textureOf } from './data.js';
import type { Device } from '../device.js';
import { allFinite } from './finite.js';
import { moved } from './update.js';

/** What a device can be trusted with beyond the plain average. */
export interface Skills {
  /** Whether rounding errors survive that a compiler could take for zero. */
  readonly isCompensating: boolean;
  /** Whether NaN and infinities survive until they are found. */
  readonly hasNonFinite: boolean;
}

const LENGTH = 257;
const WEIGHT = Math.fround(1e-3);
const { fround } = Math;

/**
 * Lets the device compute an update that the host computes too, and forgets the kernels of it.
 *
 * @param device - no kernel of which has run yet
 * @throws Error where the average is not float32 to two units in the last place
 */
export async function probe(device: Device): Promise<Skills> {
  const [averages, residuals, live] = [1, 2, 3].map(sample) as [
    Float32Array,
    Float32Array,
    Float32Array,
  ];
  residuals.forEach((residual, n) => (residuals[n] = residual * 2 ** -25));

  const [found] = (await update(device, [averages], live)) as [Float32Array];
  const isRight = found.every((value, n) => {
    const [a, p] = [averages[n] as number, live[n] as number];
    const tolerance = 2 ** -22 * Math.max(Math.abs(a), Math.abs(p), Math.abs(p - a));
    return Math.abs(value - (a + (p - a) * WEIGHT)) <= tolerance;
  });
  if (!isRight) throw new Error('it does not compute in float32');

  const [sums, errors] = (await update(device, [averages, residuals], live)) as [
    Float32Array,
    Float32Array,
  ];
  const isCompensating = sums.every((sum, n) => {
    const [a, c, p] = [averages[n] as number, residuals[n] as number, live[n] as number];
    const expected = a + c + (p - a - c) * WEIGHT;
    const scale = Math.max(Math.abs(a), Math.abs(p));
    return (
      fround(sum + (errors[n] as number)) === sum &&
      Math.abs(sum + (errors[n] as number) - expected) <= scale * 2 ** -30
    );
  });
  const hasNonFinite = !device.hasTextures || (await seesNonFinite(device));
  device.forgetKernels();
  return { isCompensating, hasNonFinite };
}

async function update(
  device: Device,
  state: readonly Float32Array[],
  live: Float32Array,
): Promise<readonly Float32Array[]> {
  const [next = []] = await moved(device, [state], [live], WEIGHT);
  const arrays = await hostArrays(device, next);
  for (const data of next) freeData(device, data);
  return arrays;
}

async function seesNonFinite(device: Device): Promise<boolean> {
  const layout = { output: [LENGTH], optimizeFloatMemory: true };
  const textures: Data[] = [];
  for (const value of [NaN, Infinity, -Infinity, 3.4e38]) {
    textures.push(await textureOf(device, sample(0).fill(value, LENGTH - 1), layout));
  }
  const found = await allFinite(device, textures, true);
  for (const texture of textures) freeData(device, texture);
  return found.join() === 'false,false,false,true';
}

/** Values of many magnitudes and both signs. */
function sample(seed: number): Float32Array {
  return Float32Array.from(
    { length: LENGTH },
    (_, n) => Math.sin(n * 1.7 + seed * 2.3 + 0.5) * 10 ** (((n * 7 + seed) % 9) - 4),
  );
}
