// Whether the saved model gives elsewhere what it gave here.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/**
 * Loads a saved model in a new process, in plain TensorFlow.js on wasm, and compares its outputs.
 *
 * @param folder - the model's
 * @param outputs - what it gave here for the first `count` test images, one row of 10 each
 * @returns the largest difference
 */
export async function largestDifference(
  folder: string,
  count: number,
  outputs: Float32Array,
): Promise<number> {
  const script = fileURLToPath(new URL('predict.ts', import.meta.url));
  const child = fork(script, [folder, String(count)], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const [message] = (await Promise.race([
    once(child, 'message'),
    once(child, 'exit'),
  ])) as unknown[];
  if (!Array.isArray(message)) throw new Error(`The new process ended with ${String(message)}.`);
  const loaded = message as readonly number[];
  return outputs.reduce(
    (largest, value, index) => Math.max(largest, Math.abs(value - (loaded[index] ?? NaN))),
    loaded.length === outputs.length ? 0 : NaN,
  );
}
