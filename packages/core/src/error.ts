// The error class of this library. Codes are stable; messages may change.

/**
 * What went wrong, as a stable code:
 *
 * - `ERR_SWAPPED`: the call needs the live weights in the model, but the averages are swapped in.
 * - `ERR_BUSY`: another call on the same object or weights has not finished; await it first.
 * - `ERR_NO_AVERAGES`: there was no update before a swap, or no collection before a sample.
 * - `ERR_PARAMETERS`: a parameter's name, dtype or shape differs from that of its running average.
 * - `ERR_EMBEDDING`: a parameter is not what the model computes with; see `checkEmbedding`.
 * - `ERR_NON_FINITE`: a tensor holds NaN or an infinity; averaging it would destroy the average.
 * - `ERR_UNSUPPORTED`: the backend or runtime does not support what was asked for.
 * - `ERR_STATE`: a state dict does not fit: wrong version, rule, names, shapes or values.
 * - `ERR_SAFETENSORS`: the bytes are not a well-formed safetensors file.
 * - `ERR_MODEL`: a model file is malformed, is refused by the runtime, or holds an unexpected
 *   graph.
 * - `ERR_CHECKPOINT`: a checkpoint is malformed, or of a format that is not read.
 * - `ERR_MISMATCH`: checkpoints differ in their tensors, so that they cannot be merged.
 * - `ERR_EXISTS`: a file would be overwritten.
 * - `ERR_BATCH_NORM`: batch-norm statistics cannot be merged.
 * - `ERR_EMPTY_LOADER`: the loader of a batch-norm update yielded no batch.
 * - `ERR_ROUND`: a round of a fleet's training had no quorum, or its run was cancelled.
 * - `ERR_DISPOSED`: the object or tensor was used after `dispose`.
 */
export type PolyakErrorCode =
  | 'ERR_SWAPPED'
  | 'ERR_BUSY'
  | 'ERR_NO_AVERAGES'
  | 'ERR_PARAMETERS'
  | 'ERR_EMBEDDING'
  | 'ERR_NON_FINITE'
  | 'ERR_UNSUPPORTED'
  | 'ERR_STATE'
  | 'ERR_SAFETENSORS'
  | 'ERR_MODEL'
  | 'ERR_CHECKPOINT'
  | 'ERR_MISMATCH'
  | 'ERR_EXISTS'
  | 'ERR_BATCH_NORM'
  | 'ERR_EMPTY_LOADER'
  | 'ERR_ROUND'
  | 'ERR_DISPOSED';

/**
 * The error that this library throws, except for wrong types (`TypeError`) and values out of range
 * (`RangeError`).
 */
export class PolyakError extends Error {
  /** What {@link PolyakError.is} checks. */
  override readonly name = 'PolyakError';
  /** The stable code; see {@link PolyakErrorCode}. */
  readonly code: PolyakErrorCode;

  /**
   * @param code - the stable code, for programs
   * @param message - what, found, expected and remedy, for people
   * @param options - the `cause`, if another error led to this one
   */
  constructor(code: PolyakErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.code = code;
  }

  /**
   * Whether `error` is a {@link PolyakError}, including one from another copy of this package.
   *
   * @param error - any caught value
   */
  static is(error: unknown): error is PolyakError {
    return error instanceof Error && error.name === 'PolyakError';
  }
}
