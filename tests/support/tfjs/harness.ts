// What tests of other packages run on tfjs with.
import { tfjsBackend } from '@polyak/backend-tfjs';
import type { BackendHarness } from '@polyak/core/conformance';
import * as tf from '@tensorflow/tfjs-core';
import { liveParameter } from './live-parameter.js';
import { setRuntime } from './runtimes.js';
import type { RuntimeName } from './runtimes.js';

/** A harness on a tfjs backend, which stays set. */
export async function tfjsHarness(runtime: RuntimeName): Promise<BackendHarness<tf.Tensor>> {
  await setRuntime(runtime);
  return {
    backend: tfjsBackend(tf),
    parameter: liveParameter,
    liveTensors: () => tf.memory().numTensors,
  };
}
