// What the legs of a seed have recorded so far.
import type { Leg } from '../plan/leg.js';
import { readCheckpoint } from './checkpoint.js';
import { lastFile } from './leg-files.js';
import { identityOf } from './identity.js';
import type { Surroundings } from './surroundings.js';

/** The lines of legs and of those that they go on from, an epoch each, as JSON. */
export async function legLines(
  legs: readonly Leg[],
  surroundings: Surroundings,
): Promise<readonly string[]> {
  const all = new Set(legs.flatMap(withEarlier));
  const lines: string[] = [];
  for (const leg of all) {
    const path = lastFile(surroundings.folder, leg);
    const checkpoint = await readCheckpoint(path, identityOf(leg, surroundings));
    lines.push(...(checkpoint?.lines ?? []));
  }
  return lines;
}

function withEarlier(leg: Leg): readonly Leg[] {
  return leg.after === undefined ? [leg] : [...withEarlier(leg.after.leg), leg];
}
