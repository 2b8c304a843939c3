// All of one seed: the half that SGD and SWA share, trained once, and then each ending from there.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { writeWhole } from '@polyak/example-shared/write-whole';

import { type EpochLine, type Leg, runLeg, type Surroundings } from './run-leg.js';
import { FLAT_PART } from './schedule.js';
import type { Ending } from './settings.js';

/** What one seed came to. */
export interface SeedRun {
  readonly seed: number;
  /** Of the half that all endings share. */
  readonly shared: LegRecord;
  readonly endings: readonly (LegRecord & { readonly ending: Ending })[];
}

/** What a leg recorded. */
interface LegRecord {
  readonly lines: readonly EpochLine[];
  readonly seconds: number;
}

/**
 * Trains a seed with each of the endings, from where it stands, and writes `run.jsonl`, a line an
 * epoch.
 *
 * Up to the half of the budget the learning rate does not depend on the ending, and images, order
 * and weights depend on the seed alone. So the half is trained once: each ending is, bit for bit,
 * what it would be if trained from the beginning.
 */
export async function runSeed(
  endings: readonly Ending[],
  surroundings: Surroundings,
): Promise<SeedRun> {
  const { settings, folder } = surroundings;
  await mkdir(folder, { recursive: true });
  const shared: Leg = { name: 'shared', lastEpoch: Math.floor(FLAT_PART * settings.epochs) };
  const lines: string[] = [];
  const train = async (leg: Leg): Promise<LegRecord> => {
    const checkpoint = await runLeg(leg, surroundings);
    lines.push(...checkpoint.lines);
    await writeWhole(join(folder, 'run.jsonl'), lines.map((line) => `${line}\n`).join(''));
    return {
      lines: checkpoint.lines.map((line) => JSON.parse(line) as EpochLine),
      seconds: checkpoint.seconds,
    };
  };
  const half = await train(shared);
  const records = [];
  for (const ending of endings) {
    const leg: Leg = { name: ending.name, after: shared, lastEpoch: settings.epochs, ending };
    records.push({ ...(await train(leg)), ending });
  }
  return { seed: settings.seed, shared: half, endings: records };
}
