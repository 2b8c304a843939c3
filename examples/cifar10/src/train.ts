// The command `train`: trains all legs of all seeds from where they stand.
import { parseOptions } from './options.js';
import { runCommand, setUp } from './setup.js';
import { trainSeeds } from './training/train-seeds.js';

const options = parseOptions('train', process.argv.slice(2));
await runCommand(async () => {
  const { plan, legs, seeds } = await setUp(options);
  await trainSeeds(legs, seeds, plan);
});
