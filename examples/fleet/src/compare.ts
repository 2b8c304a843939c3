// Scores the workers, their average, and single processes that train as long or on as much.
import type { NamedTensors } from '@polyak/core';
import type { FleetOptions } from './options.js';
import type { Row } from './result.js';
import { BATCH, RATES } from './settings.js';
import type { Task } from './task.js';
import type { FleetTraining } from './train-by-fleet.js';

/** Scores the workers, their average, and single processes. */
export async function compare(
  task: Task,
  initial: NamedTensors,
  { result, apart, seconds, jobs }: FleetTraining,
  { firstSteps, steps, workers }: FleetOptions,
  say: (text: string) => void,
): Promise<readonly Row[]> {
  const first = firstSteps * BATCH.together;
  const rows: Row[] = [];
  say('scoring the workers and their average, with batch norm updated for each');
  for (const [worker, weights] of apart.entries()) {
    const samples = first + steps * BATCH.apart;
    const job = jobs.find((other) => other.round > 0 && other.worker === worker);
    const own = { name: `worker ${worker + 1}`, samples, seconds: job?.ended ?? NaN };
    rows.push({ ...own, ...(await task.score(weights)) });
  }
  const samples = first + workers * steps * BATCH.apart;
  const score = await task.score(result.weights);
  rows.push({ name: `SWAP: the average of ${workers}`, samples, seconds, ...score });
  const all = Math.round(samples / BATCH.apart);
  say(`a single process: ${all} steps of ${BATCH.apart} images, the same number of images`);
  const same = await single(task, initial, all);
  rows.push({ ...same, name: 'single process, same images' });
  const timed = Math.max(1, Math.round((all * seconds) / same.seconds));
  say(`a single process: ${timed} steps, about the same time`);
  rows.push({ ...(await single(task, initial, timed)), name: 'single process, same time' });
  return rows;
}

async function single(task: Task, from: NamedTensors, steps: number): Promise<Omit<Row, 'name'>> {
  const started = performance.now();
  const given = { steps, batchSize: BATCH.apart, order: 1, ...RATES.single };
  const { weights } = await task.train(from, given);
  const seconds = (performance.now() - started) / 1000;
  return { samples: steps * BATCH.apart, seconds, ...(await task.score(weights)) };
}
