// What tests of other packages run on tfjs with.
import { tfjsBackend, variableParameters } from '@polyak/backend-tfjs';
import type { Parameter } from '@polyak/core/interfaces';
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
    sameParameter: ({ name, get }) =>
      variableParameters({ [name]: get() as tf.Variable })[0] as Parameter<tf.Tensor>,
    liveTensors: () => tf.memory().numTensors,
  };
}
