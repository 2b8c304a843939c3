// The models, batches and numbers of fixtures/training/make_training_fixtures.py.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { fromSafetensors } from '@polyak/core';
import { canonical, recordOf } from '@polyak/core/interfaces';
import type { Parameter } from '@polyak/core/interfaces';
import * as ort from 'onnxruntime-node';

export const [STEPS, BATCHES, CLASSES] = [100, 10, 10];
const [BATCH, EXTENT] = [16, 12];
export const [LR, SWA_LR, SWA_START, SWA_FREQ] = [0.05, 0.02, 50, 5];

/** A file that make_training_fixtures.py wrote. */
export function pathOf(file: string): string {
  return fileURLToPath(new URL(`../fixtures/training/${file}`, import.meta.url));
}

/** The loss of each step in PyTorch. */
export function torchLosses(): readonly number[] {
  const { losses } = JSON.parse(readFileSync(pathOf('resnet.json'), 'utf8')) as {
    readonly losses: readonly number[];
  };
  return losses;
}

/** Tensors in PyTorch, by name: after the last step, or of the average. */
export function torchTensors(of: 'final' | 'averaged'): ReadonlyMap<string, readonly number[]> {
  const tensors = recordOf(fromSafetensors(readFileSync(pathOf('resnet.safetensors'))));
  return new Map(
    Object.entries(tensors)
      .filter(([name]) => name.startsWith(`${of}.`))
      .map(([name, tensor]) => [
        name.slice(of.length + 1),
        Array.from(canonical(tensor as never).data as Float32Array, Number),
      ]),
  );
}

/** Multiples of 1/512 in [-1, 1): the hash of an index, as in make_training_fixtures.py. */
export function noise(first: number, length: number): Float32Array {
  return Float32Array.from({ length }, (_, index) => {
    let bits = first + index;
    for (let round = 0; round < 2; round += 1) bits = Math.imul(bits ^ (bits >>> 16), 0x45d9f3b);
    return (bits >>> 22) / 512 - 1;
  });
}

/** Noise over a picture for each class. */
export function batchOf(index: number): Readonly<Record<'images' | 'labels', ort.Tensor>> {
  const size = 3 * EXTENT * EXTENT;
  const pictures = noise(0, CLASSES * size);
  const labels = Array.from({ length: BATCH }, (_, n) => (7 * index + 3 * n) % CLASSES);
  const images = noise(size * (CLASSES + BATCH * index), BATCH * size).map((value, n) => {
    const label = labels[Math.floor(n / size)] ?? Number.NaN;
    return value + (pictures[label * size + (n % size)] ?? Number.NaN) / 2;
  });
  return {
    images: new ort.Tensor('float32', images, [BATCH, 3, EXTENT, EXTENT]),
    labels: labelTensor(labels),
  };
}

/** Class indices as a batch holds them. */
export function labelTensor(labels: readonly number[]): ort.Tensor {
  return new ort.Tensor('int64', BigInt64Array.from(labels, BigInt), [labels.length]);
}

/** The largest difference between cells and PyTorch's tensors of the same names. */
export function largestDifference(
  cells: Iterable<Parameter<ort.Tensor>>,
  expected: ReadonlyMap<string, readonly number[]>,
): number {
  const differences = [...cells].map((cell) => {
    const values = Array.from(cell.get().data as Float32Array, Number);
    const others = expected.get(cell.name) ?? [];
    if (others.length !== values.length) throw new Error(`PyTorch has another "${cell.name}".`);
    return Math.max(...values.map((value, n) => Math.abs(value - (others[n] ?? Number.NaN))));
  });
  return Math.max(...differences);
}
