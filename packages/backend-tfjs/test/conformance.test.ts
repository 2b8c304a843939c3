// The published suite, on each tfjs backend that runs here.
import { tfjsBackend } from '@polyak/backend-tfjs';
import { backendConformance } from '@polyak/core/conformance';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { liveParameter } from './live-parameter.js';
import { RUNTIMES, useRuntime } from './runtimes.js';

describe.each(RUNTIMES)('tfjs:%s', (runtime) => {
  useRuntime(runtime);

  const tests = backendConformance(() => ({
    backend: tfjsBackend(tf),
    parameter: liveParameter,
    liveTensors: () => tf.memory().numTensors,
  }));
  it.each(tests)('$name', async ({ run }) => {
    await expect(run()).resolves.toBeUndefined();
  });
});
