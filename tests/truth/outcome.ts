// How calls end.
import { PolyakError } from '@polyak/core';
import { Violation } from './compare.js';
import { isFault } from './faults.js';

/** What the function of a user throws. */
export class Thrown extends Error {}

/** How a call ended: `done`, `thrown`, `fault`, or the code of what was thrown. */
export interface Outcome {
  readonly kind: string;
  readonly error?: unknown;
}

export async function outcomeOf(run: () => Promise<unknown> | undefined): Promise<Outcome> {
  try {
    await run();
    return { kind: 'done' };
  } catch (error) {
    return { kind: kindOf(error), error };
  }
}

/** @throws Violation if the error is not of those that the library may throw */
function kindOf(error: unknown): string {
  if (error instanceof Violation) throw error;
  if (error instanceof AggregateError) error.errors.forEach(kindOf); // each of them may be thrown
  if (isFault(error)) return 'fault';
  if (error instanceof Thrown) return 'thrown';
  if (PolyakError.is(error)) return error.code;
  if (error instanceof RangeError) return 'RangeError';
  throw new Violation(`an error from inside: ${String(error)}`, { cause: error });
}
