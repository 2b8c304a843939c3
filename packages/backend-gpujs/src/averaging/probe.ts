// A test of a device's arithmetic. Drivers may round, reorder and drop operations.
import { either } from '@polyak/core/kit';
import type { Steps } from '@polyak/core/kit';
import type { Texture } from 'gpu.js';
import { textureOf } from './data.js';
import type { Device } from '../device.js';
import { isTextureFinite } from './status.js';
import { freeFields, step } from './step.js';

const LENGTH = 257;
const LAYOUT = { output: [LENGTH], optimizeFloatMemory: true };
const WEIGHT = Math.fround(1e-3);
const { fround } = Math;

/**
 * Computes an update on the device, compares it with the host's, and destroys its kernels.
 *
 * @param device - with textures; none of its kernels has run yet
 * @returns whether the driver keeps rounding errors, which a compiler could remove
 * @throws Error where the average differs from float32 by more than two units in the last place, or
 *   NaN and infinities get lost
 */
export async function probe(device: Device): Promise<boolean> {
  const canCompensate = await either(probed(device));
  device.forgetKernels();
  return canCompensate;
}

function* probed(device: Device): Steps<boolean> {
  const [averages, residuals, live] = [1, 2, 3].map(sample) as [
    Float32Array,
    Float32Array,
    Float32Array,
  ];
  residuals.forEach((residual, n) => (residuals[n] = residual * 2 ** -25));

  const [found] = (yield* update(device, [averages], live)) as [Float32Array];
  const isRight = found.every((value, n) => {
    const [a, p] = [averages[n] as number, live[n] as number];
    const tolerance = 2 ** -22 * Math.max(Math.abs(a), Math.abs(p), Math.abs(p - a));
    return Math.abs(value - (a + (p - a) * WEIGHT)) <= tolerance;
  });
  if (!isRight) throw new Error('it does not compute in float32');
  if (!(yield* seesNonFinite(device))) throw new Error('it loses NaN or infinities');

  const [sums, errors] = (yield* update(device, [averages, residuals], live)) as [
    Float32Array,
    Float32Array,
  ];
  return sums.every((sum, n) => {
    const [a, c, p] = [averages[n] as number, residuals[n] as number, live[n] as number];
    const expected = a + c + (p - a - c) * WEIGHT;
    const scale = Math.max(Math.abs(a), Math.abs(p));
    return (
      fround(sum + (errors[n] as number)) === sum &&
      Math.abs(sum + (errors[n] as number) - expected) <= scale * 2 ** -30
    );
  });
}

function* update(
  device: Device,
  state: readonly Float32Array[],
  live: Float32Array,
): Steps<readonly Float32Array[]> {
  const textures: Texture[] = [];
  for (const array of [live, ...state]) textures.push(yield* textureOf(device, array, LAYOUT));
  const [first, ...rest] = textures.map((texture) => [texture]);
  const next = yield* step(device, rest, { layouts: [LAYOUT], live: first ?? [] }, WEIGHT);
  const arrays: Float32Array[] = [];
  for (const [texture] of next) arrays.push(yield* device.read(texture as Texture));
  freeFields([textures, ...next]);
  return arrays;
}

function* seesNonFinite(device: Device): Steps<boolean> {
  const found: boolean[] = [];
  for (const value of [NaN, Infinity, -Infinity, 3.4e38]) {
    const array = sample(0).fill(value, LENGTH - 1);
    const texture = yield* textureOf(device, array, LAYOUT);
    found.push(yield* isTextureFinite(device, texture));
    texture.delete();
  }
  return found.join() === 'false,false,false,true';
}

/** Values of many magnitudes and both signs. */
function sample(seed: number): Float32Array {
  return Float32Array.from(
    { length: LENGTH },
    (_, n) => Math.sin(n * 1.7 + seed * 2.3 + 0.5) * 10 ** (((n * 7 + seed) % 9) - 4),
  );
}
