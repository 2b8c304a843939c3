// The command: trains all seeds of some tasks, each from where it stands.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';

import { loadTfjs } from '@polyak/example-shared/load-tfjs';

import { parseOptions } from './options.js';
import { runSeed } from './run-seed.js';
import { TASKS } from './tasks/tasks.js';
import type { EpochLine } from './train.js';

const { tasks, seeds, split, backend, output } = parseOptions(process.argv.slice(2));
const say = (text: string): void => void process.stdout.write(`${text}\n`);
const { tf } = await loadTfjs(backend, say);

for (const task of TASKS.filter(({ name }) => tasks.includes(name))) {
  const parts = await task.read();
  const folder = join(output, task.name, split);
  await mkdir(folder, { recursive: true });
  for (const seed of seeds) {
    const file = join(folder, `seed-${seed}.jsonl`);
    await runSeed(tf, { task, parts, split, seed, file, onTraining });
  }
}

function onTraining(lines: readonly EpochLine[], seconds: number): void {
  const last = lines.at(-1);
  if (last?.scores === undefined) return;
  const { task, seed, run, lr, scores } = last;
  const accuracies = Object.entries(scores).map(
    ([name, { accuracy }]) => `${name} ${accuracy.toFixed(2)} %`,
  );
  const head = `${task}, seed ${seed}, ${run}, rate ${lr}`;
  say(`${head}: ${accuracies.join(', ')}; ${seconds.toFixed(0)} s`);
}
