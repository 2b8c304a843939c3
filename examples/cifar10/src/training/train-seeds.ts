// All seeds, leg by leg: each leg is trained with all seeds before the next one.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';

import { writeWhole } from '@polyak/example-shared/write-whole';

import type { Leg } from '../plan/leg.js';
import { legLines } from './leg-lines.js';
import type { Surroundings } from './surroundings.js';
import { trainLeg } from './train-leg.js';

/**
 * Trains legs with all seeds, from where each stands, and writes a seed's `run.jsonl` after each of
 * its legs: a line an epoch, also of what other legs of the plan were trained before.
 *
 * @param seeds - what each seed has, by seed
 */
export async function trainSeeds(
  legs: readonly Leg[],
  seeds: readonly Surroundings[],
  plan: readonly Leg[] = legs,
): Promise<void> {
  for (const leg of legs) {
    for (const surroundings of seeds) {
      await trainLeg(leg, surroundings);
      await writeLines(plan, surroundings);
    }
  }
}

async function writeLines(plan: readonly Leg[], surroundings: Surroundings): Promise<void> {
  const { folder } = surroundings;
  await mkdir(folder, { recursive: true });
  const lines = await legLines(plan, surroundings);
  await writeWhole(join(folder, 'run.jsonl'), lines.map((line) => `${line}\n`).join(''));
}
