// The error class of this package. Every package of Polyak uses its name and codes.

/**
 * What went wrong, as a stable code:
 *
 * - `ERR_SAFETENSORS`: bytes that are not a well-formed safetensors file.
 * - `ERR_CHECKPOINT`: what should be read is not a file, or was cut short meanwhile.
 * - `ERR_UNSUPPORTED`: the machine or an array cannot do what was asked.
 */
export type PolyakErrorCode = 'ERR_SAFETENSORS' | 'ERR_CHECKPOINT' | 'ERR_UNSUPPORTED';

/** Any error but a misuse of types (`TypeError`) or ranges (`RangeError`). */
export class PolyakError extends Error {
  /** The same in every package of Polyak: {@link PolyakError.is} checks it. */
  override readonly name = 'PolyakError';
  /** Stable; see {@link PolyakErrorCode}. */
  readonly code: PolyakErrorCode;

  /**
   * @param code - stable, for programs
   * @param message - for people: what, found, expected, remedy
   * @param options - the `cause`, if another error caused this one
   */
  constructor(code: PolyakErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.code = code;
  }

  /**
   * Whether `error` is a {@link PolyakError}, of this or any other copy of a package.
   *
   * @param error - anything caught
   */
  static is(error: unknown): error is PolyakError {
    return error instanceof Error && error.name === 'PolyakError';
  }
}
