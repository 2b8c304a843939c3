// What both commands begin with: options, images, the runtime, and each seed's surroundings.
import { availableParallelism } from 'node:os';
import { join } from 'node:path';

import { readCifar10, sliceImages } from './data/cifar10.js';
import { Failure } from './failure.js';
import { loadTfjs } from '@polyak/example-shared/load-tfjs';
import type { RunOptions } from './options.js';
import type { Leg } from './plan/leg.js';
import { legsOf } from './plan/plan.js';
import type { Settings } from './plan/settings.js';
import { describeEpoch } from './training/describe-epoch.js';
import type { EpochLine, Problem, Surroundings } from './training/surroundings.js';

const MOMENTUM = 0.9;
const WEIGHT_DECAY = 5e-4;

/** What a command works with. */
export interface Setup {
  /** All legs of the plan. */
  readonly plan: readonly Leg[];
  /** Those that were asked for. */
  readonly legs: readonly Leg[];
  readonly seeds: readonly Surroundings[];
  /** What computes, in words. */
  readonly machine: string;
}

/** Prints a line. */
export function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Sets up a command. */
export async function setUp(options: RunOptions): Promise<Setup> {
  const { epochs, rate, averageEvery } = options;
  const plan = legsOf({ epochs, initialRate: rate, averageEvery });
  const legs = chosenLegs(plan, options.legs);
  const problem = await readProblem(options);
  const { tf, name } = await loadTfjs(options.backend, say);
  const seeds = options.seeds.map((seed) => ({
    tf,
    settings: settingsOf(options, seed),
    problem,
    folder: join(options.output, `seed-${seed}`),
    onEpoch: (line: EpochLine, seconds: number) => say(describeEpoch(line, seconds)),
  }));
  return { plan, legs, seeds, machine: `${availableParallelism()} cores, ${name}` };
}

/** Runs a command, and says in one line what the user can put right. */
export async function runCommand(command: () => Promise<void>): Promise<void> {
  try {
    await command();
  } catch (error) {
    // Left to Node, an error would come after the whole source of tfjs's wasm module, which is one
    // line.
    const stack = error instanceof Error ? error.stack : String(error);
    process.stderr.write(`${error instanceof Failure ? error.message : stack}\n`);
    process.exitCode = 1;
  }
}

function chosenLegs(legs: readonly Leg[], names: readonly string[]): readonly Leg[] {
  const unknown = names.filter((name) => !legs.some((leg) => leg.name === name));
  if (unknown.length > 0) {
    const known = legs.map(({ name }) => name).join(', ');
    throw new Failure(`--legs names ${unknown.join(', ')}, expected some of ${known}.`);
  }
  return names.length === 0 ? legs : legs.filter(({ name }) => names.includes(name));
}

async function readProblem({ data, validate, batchSize }: RunOptions): Promise<Problem> {
  const all = await readCifar10(data, 'train');
  const count = all.count - validate;
  if (count < batchSize) {
    throw new Failure(
      `${data} leaves ${count} images to train on, too few for a batch of ${batchSize}.`,
    );
  }
  const test =
    validate === 0 ? await readCifar10(data, 'test') : sliceImages(all, count, all.count);
  return { train: sliceImages(all, 0, count), test };
}

function settingsOf(
  { batchSize, depth, width, rate, scoreEvery }: RunOptions,
  seed: number,
): Settings {
  return {
    seed,
    network: { depth, width },
    batchSize,
    initialRate: rate,
    momentum: MOMENTUM,
    weightDecay: WEIGHT_DECAY,
    scoreEvery,
  };
}
