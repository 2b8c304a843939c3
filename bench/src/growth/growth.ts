import type { Row } from '../row.js';
import { tensorRows } from './tensors.js';
import { updateRows } from './updates.js';
import { weightRows } from './weights.js';

/** The points of the growth curves. */
export function growthRows(): readonly Row[] {
  return [...weightRows(), ...updateRows(), ...tensorRows()];
}
