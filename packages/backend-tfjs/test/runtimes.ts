// The tfjs backends that tests run on.
import type { HostTensor, Parameter } from '@polyak/core';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, expect } from 'vitest';

export const RUNTIMES = ['cpu', 'wasm'] as const;

/** Sets the tfjs backend for the tests of the current suite, and makes sure that tfjs did. */
export function useRuntime(runtime: (typeof RUNTIMES)[number]): void {
  beforeAll(async () => {
    await import(`@tensorflow/tfjs-backend-${runtime}`);
    await tf.setBackend(runtime);
    expect(tf.getBackend()).toBe(runtime);
  });
}

/** A variable that holds a copy of `tensor`. */
export function variableOf({ data, shape, dtype }: HostTensor): tf.Variable {
  return tf.tidy(() =>
    tf.variable(tf.tensor(data.slice() as tf.TypedArray, [...shape], dtype as tf.DataType)),
  );
}

/** A parameter over a variable that holds a copy of `tensor`. */
export function liveParameter(name: string, tensor: HostTensor): Parameter<tf.Tensor> {
  const variable = variableOf(tensor);
  return { name, get: () => variable, set: (contents) => variable.assign(contents) };
}
