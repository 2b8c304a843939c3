// What tests of other packages run on tfjs with.
import { tfjsBackend } from '@polyak/backend-tfjs';
import type { BackendHarness } from '@polyak/core/conformance';
import * as tf from '@tensorflow/tfjs-core';
import { liveParameter } from './live-parameter.js';
import type { RUNTIMES } from './runtimes.js';

/** A harness on a tfjs backend, which stays set. */
export async function tfjsHarness(runtime: (typeof RUNTIMES)[number]): Promise<BackendHarness<tf.Tensor>> {
  await import(`@tensorflow/tfjs-backend-${runtime}`);
  if (!(await tf.setBackend(runtime))) throw new Error(`tfjs did not set its backend ${runtime}.`);
  return {
    backend: tfjsBackend(tf),
    parameter: liveParameter,
    liveTensors: () => tf.memory().numTensors,
  };
}
