// What is wrong with an embedding, and what to do about it.
import { described } from '../arguments.js';
import { PolyakError } from '../error.js';

/** The name of the check, for messages. */
export const CALL = 'checkEmbedding';

/**
 * The error of a flaw.
 *
 * @param what - what was found, without the name of the check and the full stop
 * @param remedy - what to do about it, as sentences
 * @param cause - the error that showed it, if one did
 */
export function flaw(what: string, remedy: string, cause?: unknown): PolyakError {
  if (cause === undefined) return new PolyakError('ERR_EMBEDDING', `${CALL}: ${what}. ${remedy}`);
  const reason = cause instanceof Error ? cause.message : described(cause);
  const message = `${CALL}: ${what} (${reason}). ${remedy}`;
  return new PolyakError('ERR_EMBEDDING', message, { cause });
}

/** The error of a parameter whose tensor cannot be read. */
export function unreadable(name: string, cause: unknown): PolyakError {
  return flaw(
    `get of "${name}" returns no tensor that can be read`,
    'It must return the tensor that the model computes with now. The model owns that tensor: ' +
      'nobody else may dispose of it.',
    cause,
  );
}
