// What does not fit in a state, and how it is refused.
import { PolyakError } from '../error.js';
import type { StateTree } from './state-tree.js';

// As much of a node as a person reads in one message.
const MAX_WRITTEN = 300;

/** How a node differs from what it should be: a problem, or none. */
export function difference(
  what: string,
  found: StateTree | undefined,
  wanted: StateTree,
): readonly string[] {
  if (found !== undefined && json(found) === json(wanted)) return [];
  return [`${what} is ${written(found)}, expected ${written(wanted)}`];
}

/** A counter of a state. */
export function counterAt(what: string, node: StateTree | undefined, problems: string[]): number {
  if (typeof node === 'number' && Number.isSafeInteger(node) && node >= 0) return node;
  problems.push(`${what} is ${written(node)}, expected an integer from 0 to 2^53 - 1`);
  return 0;
}

/** Refuses a state that does not fit, with every difference. */
export function refuseDifferences(call: string, problems: readonly string[]): void {
  if (problems.length === 0) return;
  throw new PolyakError('ERR_STATE', `${call}: the state does not fit: ${problems.join('; ')}.`);
}

/** A node of a state as messages give it. JSON has no bigint, which a tensor may hold. */
function written(node: StateTree | undefined): string {
  if (node === undefined || typeof node === 'number') return String(node);
  const whole = json(node);
  return whole.length > MAX_WRITTEN ? `${whole.slice(0, MAX_WRITTEN)}…` : whole;
}

function json(node: StateTree): string {
  return JSON.stringify(node, (_, value: unknown) =>
    typeof value === 'bigint' ? String(value) : value,
  );
}
