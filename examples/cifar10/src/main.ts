// The command: trains all seeds from where they stand, and writes the report.
import { join, relative } from 'node:path';
import { writeWhole } from '@polyak/example-shared/write-whole';

import { readCifar10, sliceImages } from './cifar10.js';
import { Failure } from './failure.js';
import { loadBackend } from './load.js';
import { callerFolder, parseOptions, type RunOptions } from './options.js';
import { describeEpoch } from './progress.js';
import { renderReport } from './report.js';
import { formatTable, tableOf } from './results.js';
import type { EpochLine, Problem } from './run-leg.js';
import { runSeed, type SeedRun } from './run-seed.js';
import type { Ending, Settings } from './settings.js';

const MOMENTUM = 0.9;
const WEIGHT_DECAY = 5e-4;

const options = parseOptions(process.argv.slice(2));
const report = join(options.output, 'report.html');
const say = (text: string): void => void process.stdout.write(`${text}\n`);
try {
  const problem = await readProblem(options);
  const { tf, name } = await loadBackend(options.backend, say);
  const runs: SeedRun[] = [];
  for (const seed of options.seeds) {
    const settings = settingsOf(options, seed);
    const onEpoch = (line: EpochLine, seconds: number): void =>
      say(describeEpoch(line, settings, seconds));
    const folder = join(options.output, `seed-${seed}`);
    runs.push(await runSeed(endingsOf(options), { tf, settings, problem, folder, onEpoch }));
    const isValidation = options.validate > 0;
    const [trainImages, testImages] = [problem.train.count, problem.test.count];
    const result = { settings, trainImages, testImages, isValidation, backend: name, runs };
    await writeWhole(report, renderReport(result));
    await writeWhole(join(options.output, 'results.md'), `${formatTable(tableOf(runs))}\n`);
  }
  say(`\n${formatTable(tableOf(runs))}\n\nReport: ${relative(callerFolder, report)}`);
} catch (error) {
  // Left to Node, an error would come after the whole source of tfjs's wasm module, which is one
  // line.
  const text =
    error instanceof Failure ? error.message : error instanceof Error ? error.stack : String(error);
  process.stderr.write(`${text}\n`);
  process.exitCode = 1;
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
  { epochs, batchSize, depth, width, rate, scoreEvery }: RunOptions,
  seed: number,
): Settings {
  return {
    seed,
    epochs,
    network: { depth, width },
    batchSize,
    initialRate: rate,
    momentum: MOMENTUM,
    weightDecay: WEIGHT_DECAY,
    scoreEvery,
  };
}

/** SGD anneals to 1 % of its rate, as in the paper; each SWA goes to a rate of its own. */
function endingsOf({ rate, swaRates, averageFrom, averageEvery }: RunOptions): readonly Ending[] {
  const averages = averageFrom.map((from) => ({ from, every: averageEvery }));
  return [
    { name: 'sgd', finalRate: 0.01 * rate, averages: [] },
    ...swaRates.map((finalRate) => ({ name: `swa-${finalRate}`, finalRate, averages })),
  ];
}
