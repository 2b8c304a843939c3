// The tfjs backends that tests run on.
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
