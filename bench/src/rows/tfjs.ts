// The rows of the TensorFlow.js backend, whose users have tf.Variables: on cpu, on wasm, and on
// tensorflow where `pnpm tensorflow:native` has built it.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { loadTensorFlow, tfjsBackend, variableParameters } from '@polyak/backend-tfjs';
import * as tf from '@tensorflow/tfjs';
import '@tensorflow/tfjs-backend-wasm';
import type { Row } from '../row.js';
import { WEIGHT } from './shared/arrays.js';
import { CPU_BACKEND } from './shared/cpu-backend.js';
import { limited } from './shared/limits.js';
import type { Limit } from './shared/limits.js';
import type { Live, Mode } from './shared/mode.js';
import { averageWork, LOOP, otherRows, rowOf, updateRows } from './shared/rows.js';
import type { Yardstick } from './shared/rows.js';
import { inOne } from './shared/sizes.js';
import type { Bench } from './shared/updating.js';

const MILLION = 1_000_000;

type RuntimeName = 'cpu' | 'wasm' | 'tensorflow';

const hasTensorFlow = existsSync(
  fileURLToPath(new URL('../../../.tensorflow-native/node_modules', import.meta.url)),
);

const RUNTIMES: readonly RuntimeName[] = hasTensorFlow
  ? ['cpu', 'wasm', 'tensorflow']
  : ['cpu', 'wasm'];

const LIMITS: readonly Limit[] = [
  { name: 'tfjs cpu, average', against: 'cpu:wasm average', target: 1.5, gate: 2.5 },
  { name: 'tfjs cpu, average', against: 'plain loop', gate: 1 },
  { name: 'tfjs wasm, average', against: 'plain loop', target: 0.43, gate: 0.8 },
  // TensorFlow's threads count as CPU time.
  { name: 'tfjs tensorflow, average', against: 'plain loop', target: 0.7, gate: 2 },
];

/** The rows of TensorFlow.js on every backend that runs here. */
export function tfjsRows(): readonly Row[] {
  const rows = RUNTIMES.flatMap((runtime) => {
    const mode = tfjsMode(runtime);
    // By tfjs's own operations, an update of 10M takes a second on cpu.
    const upTo = runtime === 'cpu' ? MILLION : 10 * MILLION;
    return [
      ...updateRows(mode, byHand(upTo), 10 * MILLION),
      rowOf(mode, averageWork(), LOOP, inOne(10 * MILLION)),
      ...otherRows(mode, 10 * MILLION),
    ];
  });
  const host = rowOf(tfjsMode('cpu'), averageWork(), CPU_BACKEND, inOne(10 * MILLION));
  return limited([...rows, host], LIMITS);
}

/** TensorFlow.js on one of its backends. */
export function tfjsMode(runtime: RuntimeName): Mode<tf.Tensor> {
  return {
    name: `tfjs ${runtime}`,
    async open() {
      if (runtime === 'tensorflow') await loadTensorFlow({ backends: ['tfjs-node-gpu'] });
      await tf.setBackend(runtime);
      if (tf.getBackend() !== runtime) throw new Error(`tfjs does not run on ${runtime} here.`);
      tf.engine().startScope();
      return {
        backend: tfjsBackend(tf),
        live: liveOf,
        release() {
          tf.engine().endScope();
          tf.disposeVariables();
        },
      };
    },
  };
}

function liveOf(arrays: readonly Float32Array[]): Live<tf.Tensor> {
  const variables = arrays.map((array) => tf.tidy(() => tf.variable(tensorOf(array))));
  return {
    parameters: variableParameters(
      Object.fromEntries(variables.map((variable, index) => [`weight${index}`, variable])),
    ),
    refresh: () =>
      variables.forEach((variable, index) =>
        tf.tidy(() => variable.assign(tensorOf(arrays[index] as Float32Array))),
      ),
    dispose: () => {}, // the release of the runtime frees all variables
  };
}

// A copy: on cpu a tensor shares the array that it is made of.
function tensorOf(array: Float32Array): tf.Tensor1D {
  return tf.tensor1d(array.slice());
}

/** What users write: in place, and by a new tensor. */
function byHand(upTo: number): readonly Yardstick<tf.Tensor>[] {
  return [
    {
      name: 'ema.assign(ema.mul(d).add(v.mul(1 - d)))',
      isPeer: true,
      upTo,
      of(bench) {
        const pairs = pairsOf(bench);
        return () => {
          for (const { average, live } of pairs) {
            tf.tidy(() => average.assign(average.mul(1 - WEIGHT).add(live.mul(WEIGHT))));
          }
        };
      },
    },
    {
      name: 'v.add(p.sub(v).mul(w))',
      isPeer: true,
      upTo,
      of(bench) {
        const pairs: { average: tf.Tensor; live: tf.Tensor }[] = pairsOf(bench);
        return () => {
          for (const pair of pairs) {
            const { average, live } = pair;
            pair.average = tf.tidy(() => average.add(live.sub(average).mul(WEIGHT)));
            average.dispose();
          }
        };
      },
    },
  ];
}

interface Pair {
  readonly average: tf.Variable;
  readonly live: tf.Tensor;
}

function pairsOf({ live: { parameters } }: Bench<tf.Tensor>): Pair[] {
  return parameters.map((parameter) => ({
    average: tf.tidy(() => tf.variable(tf.zerosLike(parameter.get()), false)),
    live: parameter.get(),
  }));
}
