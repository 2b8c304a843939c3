// One update of averages, for tests that look at what becomes of them.
import type { TfjsBackend } from '@polyak/backend-tfjs';
import type { AveragedItem, HostTensor } from '@polyak/core/interfaces';
import type * as tf from '@tensorflow/tfjs';
import { manyMagnitudes } from './rounding.js';

/** A vector of many magnitudes. */
export function host(length: number, seed: number): HostTensor & { readonly data: Float32Array } {
  return { dtype: 'float32', shape: [length], data: manyMagnitudes(length, seed) };
}

/** What one update of averages by as many live tensors gives. */
export function moved(
  backend: TfjsBackend,
  averages: readonly tf.Tensor[],
  live: readonly tf.Tensor[],
  weight: number,
): readonly AveragedItem<tf.Tensor>[] {
  const items = averages.map((average, n) => ({ average, live: live[n] as tf.Tensor, weight }));
  const result = backend.average(items);
  if (result instanceof Promise || result.kind !== 'averaged') throw new Error('not averaged');
  return result.items;
}

/** The new averages. */
export function averagesOf(items: readonly AveragedItem<tf.Tensor>[]): readonly tf.Tensor[] {
  return items.map(({ average }) => average);
}
