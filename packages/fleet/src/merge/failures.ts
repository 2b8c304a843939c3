// Errors of jobs. Redis keeps the message of an error and nothing else, so it has the code too.
import { PolyakError } from '@polyak/core';
import type { PolyakErrorCode } from '@polyak/core';
import { UnrecoverableError } from 'bullmq';

/** Whether an error follows from the inputs and options: it would happen again. */
export function isFinal(error: unknown): error is Error {
  return PolyakError.is(error) || error instanceof RangeError || error instanceof TypeError;
}

/** The error that a job ends with: a final one, or one after which it is tried again. */
export function jobError(error: unknown): unknown {
  if (!isFinal(error)) return error;
  const code = PolyakError.is(error) ? `${error.code}: ` : '';
  return new UnrecoverableError(code + error.message);
}

/** The error that a job ended with, from its reason. */
export function errorFrom(reason: string): Error {
  const [, code, message = ''] = /^(ERR_[A-Z_]+): (.*)$/s.exec(reason) ?? [];
  if (code === undefined) return new Error(reason);
  return new PolyakError(code as PolyakErrorCode, message);
}
