// Values in error messages.
import { inspect } from 'node:util';

/** A value as error messages show it. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  return inspect(value, { depth: 0, breakLength: Infinity });
}
