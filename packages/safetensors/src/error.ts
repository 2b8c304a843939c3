// One error class, of the name and codes that every package of Polyak uses.

/**
 * What went wrong, as a stable code:
 *
 * - `ERR_SAFETENSORS`: bytes that are not a well-formed safetensors file.
 * - `ERR_UNSUPPORTED`: the machine cannot do what was asked.
 */
export type PolyakErrorCode = 'ERR_SAFETENSORS' | 'ERR_UNSUPPORTED';

/** Every refusal that is not a plain misuse of types (`TypeError`) or ranges (`RangeError`). */
export class PolyakError extends Error {
  /** How {@link PolyakError.is} knows it, in every package of Polyak. */
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
