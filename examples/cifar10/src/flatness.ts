// The command `flatness`: training loss and test error around the solutions of trained legs.
import { collectFlatness } from './flatness/collect-flatness.js';
import { measureFlatness } from './flatness/measure-flatness.js';
import { solutionsOf } from './flatness/solutions.js';
import { parseOptions } from './options.js';
import { runCommand, say, setUp } from './setup.js';

const options = parseOptions('flatness', process.argv.slice(2));
await runCommand(async () => {
  const { plan, seeds } = await setUp(options);
  for (const surroundings of seeds) {
    await measureFlatness(surroundings, solutionsOf(plan, options.epochs), (ray) => {
      const losses = ray.trainLoss.map((loss) => loss.toFixed(3)).join(' ');
      say(`seed ${ray.seed} ${ray.solution} ${ray.scaling} ${ray.direction}: loss ${losses}`);
    });
  }
  await collectFlatness(
    seeds.map(({ folder }) => folder),
    options.output,
    options.epochs,
  );
});
