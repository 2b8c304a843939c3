// One error class; its code stays while its message may change.

/**
 * What went wrong, as a stable code:
 *
 * - `ERR_SWAPPED`: the call needs the live weights in the model, but the averages are swapped in.
 * - `ERR_BUSY`: another call on the same object or weights has not finished; await it first.
 * - `ERR_NO_AVERAGES`: a swap before any update, or a sample before any collection: there is
 *   nothing to put into the model.
 * - `ERR_PARAMETERS`: a parameter's name, dtype or shape is not what the running average was made
 *   for.
 * - `ERR_NON_FINITE`: a tensor holds NaN or an infinity; averaging it would destroy the average.
 * - `ERR_UNSUPPORTED`: the backend or runtime cannot do what was asked.
 * - `ERR_STATE`: a state dict does not fit: wrong version, rule, names, shapes or values.
 * - `ERR_SAFETENSORS`: bytes that are not a well-formed safetensors file.
 * - `ERR_MODEL`: a model file that is malformed, that the runtime refuses, or that is not the graph
 *   it should be.
 * - `ERR_BATCH_NORM`: batch-norm statistics that cannot be merged.
 * - `ERR_EMPTY_LOADER`: the loader of a batch-norm update gave no batch.
 * - `ERR_DISPOSED`: use after `dispose`.
 */
export type PolyakErrorCode =
  | 'ERR_SWAPPED'
  | 'ERR_BUSY'
  | 'ERR_NO_AVERAGES'
  | 'ERR_PARAMETERS'
  | 'ERR_NON_FINITE'
  | 'ERR_UNSUPPORTED'
  | 'ERR_STATE'
  | 'ERR_SAFETENSORS'
  | 'ERR_MODEL'
  | 'ERR_BATCH_NORM'
  | 'ERR_EMPTY_LOADER'
  | 'ERR_DISPOSED';

/**
 * Every refusal of this library that is not a plain misuse of types (`TypeError`) or ranges
 * (`RangeError`).
 */
export class PolyakError extends Error {
  /** How {@link PolyakError.is} knows it. */
  override readonly name = 'PolyakError';
  /** Stable; see {@link PolyakErrorCode}. */
  readonly code: PolyakErrorCode;

  /**
   * @param code - stable, for programs
   * @param message - for people: what, found, expected, remedy
   * @param options - the `cause`, where another error lies beneath
   */
  constructor(code: PolyakErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.code = code;
  }

  /**
   * Whether `error` is a {@link PolyakError}, also one of another copy of this package.
   *
   * @param error - anything caught
   */
  static is(error: unknown): error is PolyakError {
    return error instanceof Error && error.name === 'PolyakError';
  }
}
