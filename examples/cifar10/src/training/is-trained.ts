// Whether a leg is there.
import type { Leg } from '../plan/leg.js';
import { readCheckpoint } from './checkpoint.js';
import { identityOf } from './identity.js';
import { lastFile } from './leg-files.js';
import type { Surroundings } from './surroundings.js';

/** Whether a leg of a seed has been trained up to an epoch. */
export async function isTrained(
  leg: Leg,
  epoch: number,
  surroundings: Surroundings,
): Promise<boolean> {
  const path = lastFile(surroundings.folder, leg);
  const checkpoint = await readCheckpoint(path, identityOf(leg, surroundings));
  return (checkpoint?.epoch ?? 0) >= epoch;
}
