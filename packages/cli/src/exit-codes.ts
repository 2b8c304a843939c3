// What the command's exit code says, and which error gives which.
import { PolyakError } from '@polyak/core';

/** How a command may end. */
type Outcome =
  'done' | 'failed' | 'usage' | 'refused' | 'nonFinite' | 'exists' | 'unverified' | 'interrupted';

/** The exit codes, each with what it says. */
export const EXIT_CODES: Readonly<Record<Outcome, readonly [code: number, meaning: string]>> = {
  done: [0, 'done'],
  failed: [1, 'failed: a file cannot be read or written, or any other error'],
  usage: [2, 'arguments that are not understood'],
  refused: [
    3,
    'checkpoints that do not fit together, or a file or folder that is missing or malformed',
  ],
  nonFinite: [4, 'a tensor holds NaN or an infinity, or numbers too large for the dtype'],
  exists: [5, 'the output exists; --force replaces it'],
  unverified: [6, 'verified in part: inputs of the merge are not there'],
  interrupted: [130, 'interrupted'],
};

/** Arguments that are well-formed one by one, but make no sense together. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** What could be verified is the same, but not all could be. */
export class PartialVerification extends Error {
  override readonly name = 'PartialVerification';
}

/** The user interrupted the command, and this is what became of its work. */
export class Interruption extends Error {
  override readonly name = 'Interruption';
}

const REFUSED: ReadonlySet<string> = new Set([
  'ERR_MISMATCH',
  'ERR_CHECKPOINT',
  'ERR_SAFETENSORS',
  'ERR_MODEL',
  'ERR_STATE',
]);

/**
 * The exit code for an error that ended a command.
 *
 * @param error - what was thrown
 * @param signal - aborted where the user interrupted the command
 */
export function exitCodeOf(error: unknown, signal: AbortSignal): number {
  if (signal.aborted) return EXIT_CODES.interrupted[0];
  // The library's answer to options that are out of their range.
  if (error instanceof UsageError || error instanceof RangeError) return EXIT_CODES.usage[0];
  if (error instanceof PartialVerification) return EXIT_CODES.unverified[0];
  if ((error as { readonly code?: unknown } | undefined)?.code === 'ENOENT') {
    return EXIT_CODES.refused[0];
  }
  if (!PolyakError.is(error)) return EXIT_CODES.failed[0];
  if (REFUSED.has(error.code)) return EXIT_CODES.refused[0];
  if (error.code === 'ERR_NON_FINITE') return EXIT_CODES.nonFinite[0];
  if (error.code === 'ERR_EXISTS') return EXIT_CODES.exists[0];
  return EXIT_CODES.failed[0];
}

/** The exit codes as lines of the help. */
export function exitCodesText(): string {
  const lines = Object.values(EXIT_CODES).map(
    ([code, meaning]) => `  ${String(code).padEnd(5)}${meaning}`,
  );
  return ['Exit codes:', ...lines].join('\n');
}
