// The command `measure`: measures all methods whose legs have been trained, each once.
import { readCifar10 } from './data/cifar10.js';
import { collect } from './methods/collect.js';
import { type MethodLine, measureSeed, type Scored } from './methods/measure-seed.js';
import { methodsOf } from './methods/methods.js';
import { parseOptions } from './options.js';
import { runCommand, say, setUp } from './setup.js';

const options = parseOptions('measure', process.argv.slice(2));
await runCommand(async () => {
  const { plan, seeds, machine } = await setUp(options);
  const hasValidation = options.validate > 0;
  const folders = seeds.map(({ folder }) => folder);
  for (const [index, surroundings] of seeds.entries()) {
    const { problem } = surroundings;
    const partner = seeds.length > 1 ? seeds[(index + 1) % seeds.length] : undefined;
    const test = hasValidation ? await readCifar10(options.data, 'test') : problem.test;
    const scored: readonly Scored[] = hasValidation
      ? [
          { experiment: 'cifar10-validation', images: problem.test },
          { experiment: `cifar10-${problem.train.count}`, images: test },
        ]
      : [{ experiment: 'cifar10', images: test }];
    await measureSeed(surroundings, {
      methods: methodsOf(plan, options.epochs, { partner, hasValidation }),
      scored,
      validation: hasValidation ? problem.test : undefined,
      machine,
      onLine: (line) => say(describe(line)),
    });
  }
  await collect(folders, options.output);
});

function describe(line: MethodLine): string {
  const { experiment, budget, seed, method, accuracy, logLoss, ece, choice } = line;
  return [
    `${experiment} ${budget} seed ${seed} ${method}: accuracy ${accuracy.toFixed(2)} %`,
    `log-loss ${logLoss.toFixed(4)}`,
    `calibration error ${ece.toFixed(4)}`,
    ...(choice === undefined ? [] : [choice]),
  ].join(', ');
}
