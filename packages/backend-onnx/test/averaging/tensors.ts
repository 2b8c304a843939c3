// What tests of averaging make and expect.
import type { OnnxBackend } from '@polyak/backend-onnx';
import type { AverageItem, HostTensor } from '@polyak/core/interfaces';
import * as ort from 'onnxruntime-node';
import { expect } from 'vitest';

/** An error of this library. */
export function refusal(code: string): Error {
  return expect.objectContaining({ name: 'PolyakError', code }) as Error;
}

/** A tensor over `data` itself. */
export function over({ dtype, shape, data }: HostTensor): ort.Tensor {
  return new ort.Tensor(dtype as 'float32', data as Float32Array, shape);
}

/** A vector. */
export function float32(...values: number[]): ort.Tensor {
  return new ort.Tensor('float32', values, [values.length]);
}

/** One item for each average. */
export function itemsOf(
  averages: readonly ort.Tensor[],
  live: readonly ort.Tensor[],
  weight: number,
  residuals: readonly ort.Tensor[] = [],
): readonly AverageItem<ort.Tensor>[] {
  return averages.map((average, n) => ({
    average,
    live: live[n] as ort.Tensor,
    weight,
    ...(residuals[n] !== undefined && { residual: residuals[n] }),
  }));
}

/** An update that is made: the new averages, and after them the residuals. */
export async function update(
  backend: OnnxBackend,
  ...[averages, live, weight, residuals]: Parameters<typeof itemsOf>
): Promise<readonly ort.Tensor[]> {
  const result = await backend.average(itemsOf(averages, live, weight, residuals));
  if (result.kind === 'refused') throw new Error(`refused: ${result.nonFinite.join(', ')}`);
  return [
    ...result.items.map(({ average }) => average),
    ...result.items.flatMap(({ residual }) => residual ?? []),
  ];
}

/** The average, and the residual where there is one. */
export function statesOf<State>({
  average,
  residual,
}: {
  readonly average: State;
  readonly residual?: State | undefined;
}): readonly State[] {
  return residual === undefined ? [average] : [average, residual];
}
