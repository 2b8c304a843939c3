// The command: trains all seeds from where they stand.
import { join } from 'node:path';

import { readCifar10, sliceImages } from './data/cifar10.js';
import { Failure } from './failure.js';
import { loadBackend } from './network/load-backend.js';
import { parseOptions, type RunOptions } from './options.js';
import type { Leg } from './plan/leg.js';
import { legsOf } from './plan/plan.js';
import type { Settings } from './plan/settings.js';
import { describeEpoch } from './report/progress.js';
import type { EpochLine, Problem } from './training/surroundings.js';
import { trainSeeds } from './training/train-seeds.js';

const MOMENTUM = 0.9;
const WEIGHT_DECAY = 5e-4;

const options = parseOptions(process.argv.slice(2));
const say = (text: string): void => void process.stdout.write(`${text}\n`);
try {
  const legs = chosenLegs(options);
  const problem = await readProblem(options);
  const { tf } = await loadBackend(options.backend, say);
  const seeds = options.seeds.map((seed) => ({
    tf,
    settings: settingsOf(options, seed),
    problem,
    folder: join(options.output, `seed-${seed}`),
    onEpoch: (line: EpochLine, seconds: number) => say(describeEpoch(line, seconds)),
  }));
  await trainSeeds(legs, seeds);
} catch (error) {
  // Left to Node, an error would come after the whole source of tfjs's wasm module, which is one
  // line.
  const text =
    error instanceof Failure ? error.message : error instanceof Error ? error.stack : String(error);
  process.stderr.write(`${text}\n`);
  process.exitCode = 1;
}

function chosenLegs({ epochs, rate, legs: names }: RunOptions): readonly Leg[] {
  const legs = legsOf(epochs, rate);
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
