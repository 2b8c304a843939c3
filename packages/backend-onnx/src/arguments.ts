// Checks of arguments: JavaScript may pass anything.
import type { Ort } from './ort.js';

/**
 * Throws unless the value is the module `onnxruntime-node`.
 *
 * @param call - the function, for the message
 * @param ort - its first argument
 * @throws TypeError
 */
export function requireOrt(call: string, ort: Ort): void {
  const given = ort as Partial<Ort> | null | undefined;
  if (typeof given?.Tensor === 'function' && given.InferenceSession !== undefined) return;
  throw new TypeError(
    `${call}: the first argument is ${foundText(ort)}, expected the module onnxruntime-node: ` +
      "import * as ort from 'onnxruntime-node'.",
  );
}

/**
 * What messages call a value of the wrong type.
 *
 * @param value - anything
 */
export function foundText(value: unknown): string {
  return value === null ? 'null' : Array.isArray(value) ? 'an array' : typeof value;
}
