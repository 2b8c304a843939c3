// The command: trains, saves, and checks that plain TensorFlow.js reads what was saved.
import { join, relative, resolve } from 'node:path';

import { loadTensorFlow, registerConvGradient } from '@polyak/backend-tfjs';
import { Command, InvalidArgumentError, Option } from 'commander';

import { readDigits } from './digits.js';
import { trainModel } from './train.js';
import { largestDifference } from './verify.js';

const TEST_IMAGES = 1000;
const TOLERANCE = 1e-5;
const HOME = join(import.meta.dirname, '..');
// pnpm runs scripts elsewhere, and says where it was called.
const callerFolder = process.env['INIT_CWD'] ?? process.cwd();

const { model, output, epochs, trainImages } = new Command('start')
  .description(
    'Trains a layers model from a folder with SWA through model.fit, and saves the averaged model.',
  )
  .addOption(
    new Option('--model <folder>', 'model.json and its weights').default(
      join(HOME, 'model'),
      'examples/keras-model/model',
    ),
  )
  .addOption(
    new Option('--output <folder>', 'where to').default(
      join(HOME, 'output'),
      'examples/keras-model/output',
    ),
  )
  .addOption(
    new Option('--epochs <n>', 'passes over the training images').default(6).argParser(positive),
  )
  .addOption(new Option('--train-images <n>', 'how many').default(3200).argParser(positive))
  .parse()
  .opts<{ model: string; output: string; epochs: number; trainImages: number }>();

const say = (line: string): void => void process.stdout.write(`${line}\n`);
try {
  const { tf, backend } = await loadTensorFlow({ onReport: say });
  if (backend === 'wasm') registerConvGradient(tf);
  const train = await readDigits(tf, 'train', trainImages);
  const test = await readDigits(tf, 't10k', TEST_IMAGES);
  const averagedModel = resolve(callerFolder, output, 'averaged-model');
  const options = { model: resolve(callerFolder, model), averagedModel, epochs, onLine: say };
  const outputs = await trainModel(tf, options, train, test);
  say(`Saved to ${relative(callerFolder, averagedModel)}`);

  const difference = await largestDifference(
    averagedModel,
    TEST_IMAGES,
    await outputs.data<'float32'>(),
  );
  const most = difference.toExponential(1);
  const sentence = `In plain TensorFlow.js on wasm its outputs differ by at most ${most}`;
  if (!(difference <= TOLERANCE)) throw new Error(`${sentence}, expected ${TOLERANCE}.`);
  say(`${sentence}.`);
} catch (error) {
  // Left to Node, an error would come after the whole source of tfjs's wasm module, which is one
  // line.
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}

function positive(text: string): number {
  if (/^[1-9]\d*$/.test(text)) return Number(text);
  throw new InvalidArgumentError('Expected a whole number from 1 on.');
}
