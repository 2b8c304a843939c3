// Errors about model files.
import { PolyakError } from '@polyak/core';

/**
 * The error of a model file that cannot be used.
 *
 * @param label - the path of the model, or another name for messages
 * @param found - what was found, what was expected, what to do
 * @param cause - the error beneath, where there is one
 */
export function modelError(label: string, found: string, cause?: unknown): PolyakError {
  return new PolyakError('ERR_MODEL', `${label}: ${found}`, cause === undefined ? {} : { cause });
}

/**
 * The message of something caught.
 *
 * @param cause - the thrown value
 */
export function textOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
