// Refuses wrong arguments, as JavaScript may pass them.
import type { Ort } from './ort.js';

/**
 * Refuses a value that is not the module.
 *
 * @param call - the function, for the message
 * @param ort - its first argument
 * @throws TypeError
 */
export function requireOrt(call: string, ort: Ort): void {
  const given = ort as Partial<Ort> | null | undefined;
  if (typeof given?.Tensor === 'function' && given.InferenceSession !== undefined) return;
  throw new TypeError(
    `${call}: the first argument is ${typeof ort}, expected the module onnxruntime-node: ` +
      "import * as ort from 'onnxruntime-node'.",
  );
}

/**
 * Refuses missing options.
 *
 * @param call - the function, for the message
 * @param options - its last argument
 * @param example - of what to pass
 * @throws TypeError
 */
export function requireOptions(call: string, options: unknown, example: string): void {
  if (typeof options === 'object' && options !== null) return;
  throw new TypeError(
    `${call}: the options are ${String(options)}. Pass some, such as ${example}.`,
  );
}
