// Checks that the addon loads and computes. It runs in a process of its own, since a wrong library
// ends the process without a message.
import { createRequire } from 'node:module';
import { join } from 'node:path';
import process from 'node:process';
import util from 'node:util';
import { Failure } from './failure.js';
import { PACKAGES } from './packages.js';

/** As much of tfjs-node as the check needs. */
interface TensorFlow {
  getBackend(): string;
  backend(): {
    readonly isUsingGpuDevice: boolean;
    readonly binding: { readonly TF_Version: string };
  };
  tensor2d(rows: readonly (readonly number[])[]): Tensor;
  readonly version: { readonly tfjs: string };
}

interface Tensor {
  matMul(other: Tensor): Tensor;
  dataSync(): Float32Array;
}

/**
 * Loads the first package and multiplies two matrices on TensorFlow. The second has the same addon.
 *
 * @param folder - where `node_modules` is
 * @returns what computed, in one line
 * @throws Failure where it computes something else, or on something else
 */
export function check(folder: string): string {
  // tfjs-node 4.22 calls two functions that Node 23 removed. backend-tfjs restores them
  // in native-packages.ts.
  const legacy = util as { isNullOrUndefined?: unknown; isArray?: unknown };
  legacy.isNullOrUndefined ??= (value: unknown) => value === null || value === undefined;
  legacy.isArray ??= Array.isArray;

  const tf = load(folder);
  if (tf.getBackend() !== 'tensorflow') {
    throw new Failure(`${PACKAGES[0]} runs on "${tf.getBackend()}", expected "tensorflow".`);
  }
  const matrix = tf.tensor2d([
    [1, 2],
    [3, 4],
  ]);
  const product = [...matrix.matMul(matrix).dataSync()].join(' ');
  if (product !== '7 10 15 22') {
    throw new Failure(
      `TensorFlow multiplies [1 2; 3 4] by itself to ${product}, expected 7 10 15 22.`,
    );
  }
  const { isUsingGpuDevice, binding } = tf.backend();
  return (
    `TensorFlow ${binding.TF_Version} on ${isUsingGpuDevice ? 'GPU' : 'CPU'}, ` +
    `TensorFlow.js ${tf.version.tfjs}, Node ${process.versions.node}`
  );
}

function load(folder: string): TensorFlow {
  try {
    return createRequire(join(folder, 'package.json'))(PACKAGES[0]) as TensorFlow;
  } catch (error) {
    const [reason] = String(error).split('\n', 1);
    throw new Failure(
      `The addon in ${folder} cannot be loaded (${reason}). Run polyak-tensorflow-native to ` +
        'build it.',
    );
  }
}
