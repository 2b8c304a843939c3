// Optimizers over the graph of train-step-graph.ts, and what tests read of them.
import { onnxParameter, trainStepOptimizer } from '@polyak/backend-onnx';
import type { TrainStepOptimizer, TrainStepOptions } from '@polyak/backend-onnx';
import type { StateTree } from '@polyak/core';
import type { Parameter } from '@polyak/core/interfaces';
import { recordOf } from '@polyak/core/interfaces';
import * as ort from 'onnxruntime-node';
import { afterEach, expect } from 'vitest';
import { trainStepGraph } from './train-step-graph.js';

const opened: TrainStepOptimizer[] = [];

afterEach(async () => {
  for (const optimizer of opened.splice(0)) await optimizer.release();
});

export const start = [0.5, -1];

export async function open(
  options: Partial<TrainStepOptions> = {},
  graph: string | Uint8Array = trainStepGraph(),
): Promise<TrainStepOptimizer> {
  const parameters = [cell('weight', start)];
  const optimizer = await trainStepOptimizer(ort, graph, { parameters, lr: 0.1, ...options });
  opened.push(optimizer);
  return optimizer;
}

export function cell(name: string, values: readonly number[]): Parameter<ort.Tensor> {
  return onnxParameter(name, new ort.Tensor('float32', [...values], [values.length]));
}

export interface Batch {
  readonly x: readonly number[][];
  readonly y: readonly number[];
  readonly feeds: Readonly<Record<string, ort.Tensor>>;
}

/** Eight points of y = 2 a - 3 b + 0.1, others at each call. */
export function batches(): () => Batch {
  let drawn = 0;
  const next = (): number => Math.fround(Math.sin((drawn += 1)));
  return () => {
    const x = Array.from({ length: 8 }, () => [next(), next()]);
    const y = x.map(([a = 0, b = 0]) => Math.fround(2 * a - 3 * b + 0.1));
    const feeds = {
      x: new ort.Tensor('float32', x.flat(), [8, 2]),
      y: new ort.Tensor('float32', y, [8]),
    };
    return { x, y, feeds };
  };
}

export function tensorOf(optimizer: TrainStepOptimizer): ort.Tensor {
  const tensor = optimizer.paramGroups[0]?.params[0]?.get();
  if (tensor === undefined) throw new Error('The optimizer has no parameter.');
  return tensor;
}

export const numbers = ({ data }: ort.Tensor): readonly number[] => [...(data as Float32Array)];
export const stateOf = async (
  optimizer: TrainStepOptimizer,
): Promise<Readonly<Record<string, StateTree>>> =>
  recordOf(recordOf(await optimizer.stateDict())['state']);

export function expectClose(found: readonly number[], expected: readonly number[]): void {
  expect(found).toHaveLength(expected.length);
  found.forEach((value, index) => expect(value).toBeCloseTo(expected[index] ?? Number.NaN, 5));
}

export async function refusal(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => 'nothing was refused',
    (error: unknown) => error,
  );
}
