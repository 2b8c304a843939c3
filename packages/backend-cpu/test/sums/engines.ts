// Both engines of sums, and what their tests put into the memory.
import type { SumKernels } from '@polyak/backend-cpu/sums';
import { JsSums } from '#sums/js-sums.js';
import { WasmSums } from '#sums/wasm-sums.js';
import { randomFrom } from '../data.js';

export const ENGINES: readonly (readonly [string, new (byteLength: number) => SumKernels])[] = [
  ['WebAssembly', WasmSums],
  ['JavaScript', JsSums],
];

/** Fills an array with random bits, and returns it. */
export function random<A extends Uint8Array | Uint16Array>(array: A, seed: number): A {
  const next = randomFrom(seed);
  for (let i = 0; i < array.length; i += 1) array[i] = next() * 2 ** 16;
  return array;
}
