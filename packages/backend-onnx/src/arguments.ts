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

/** Names of execution providers, each read once. */
export function readProviders<Provider extends string>(
  call: string,
  providers: readonly Provider[],
): readonly Provider[] {
  const own: Provider[] = [];
  if (Array.isArray(providers)) {
    for (const provider of providers as readonly Provider[]) {
      if (typeof provider !== 'string') break;
      own.push(provider);
    }
    if (own.length === providers.length) return own;
  }
  throw new TypeError(
    `${call}: executionProviders is ${foundText(providers)}, expected a list of names such as ` +
      "['cpu'].",
  );
}
