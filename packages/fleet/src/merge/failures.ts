// Errors of jobs. Redis keeps the message of an error and nothing else, so it has the code too.
import { PolyakError } from '@polyak/core';
import type { PolyakErrorCode } from '@polyak/core';
import { UnrecoverableError } from 'bullmq';

/**
 * The error that a job ends with. What follows from the inputs and options would happen again: it
 * is not tried again.
 */
export function jobError(error: unknown): unknown {
  if (PolyakError.is(error)) return new UnrecoverableError(`${error.code}: ${error.message}`);
  if (error instanceof RangeError || error instanceof TypeError) {
    return new UnrecoverableError(error.message);
  }
  return error;
}

/** The error that a job ended with, from its reason. */
export function errorFrom(reason: string): Error {
  const [, code, message = ''] = /^(ERR_[A-Z_]+): (.*)$/s.exec(reason) ?? [];
  if (code === undefined) return new Error(reason);
  return new PolyakError(code as PolyakErrorCode, message);
}
