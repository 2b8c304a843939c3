// Writes what the page shows before anybody trains: a whole run on wasm in Node, and the results of
// eight seeds, also without wrong labels and at a low rate.
import { writeFile } from 'node:fs/promises';
import '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';
import { spirals } from '../src/task/spirals.js';
import { defaultControls, defaultSettings } from '../src/training/settings.js';
import type { Means, SeedResult, SeedResults, View } from '../src/view.js';
import { Session } from '../src/worker/session.js';

const seeds = [1, 2, 3, 4, 5, 6, 7, 8];

await tf.setBackend('wasm');
const views = await trained({});
const seedResults = resultsOf(views);
const results: SeedResults = {
  seeds: seedResults,
  mean: meansOf(seedResults),
  rightLabels: meansOf(resultsOf(await trained({ noise: 0 }))),
  lowRate: meansOf(resultsOf(await trained({ rate: 0.1 }))),
};
console.table(results.seeds);
const { mean, rightLabels, lowRate } = results;
console.table({ mean, rightLabels, lowRate });
console.log(views.map(({ timing }) => timing));
console.log(views.map(({ flatness }) => flatness));
const [recorded] = views
  .filter(({ settings }) => settings.seed === defaultSettings.spirals.seed)
  .map((view): View => ({ ...view, status: 'recorded', timing: undefined }));
await write('seeds.json', results);
await write('recorded.json', recorded);

/** Trains all seeds, with other wrong labels or at another rate than the page begins with. */
async function trained({ noise, rate }: { noise?: number; rate?: number }): Promise<View[]> {
  const ended: View[] = [];
  for (const seed of seeds) {
    const settings = { ...defaultSettings.spirals, ...(noise !== undefined && { noise }), seed };
    const controls = { ...defaultControls('spirals'), ...(rate !== undefined && { rate }) };
    const input = { settings, controls, backend: 'wasm' as const };
    const session = new Session(spirals(seed, settings.noise), input, {
      post: () => undefined,
      rest: () => Promise.resolve(),
      save: () => Promise.resolve(),
    });
    await session.train();
    await session.dispose();
    ended.push(session.view);
  }
  return ended;
}

function resultsOf(ended: readonly View[]): SeedResult[] {
  return ended.flatMap(({ settings: { seed }, epochs }) => {
    const { live, decayed, averages } = epochs.at(-1) ?? {};
    if (live === undefined || decayed === undefined || averages === undefined) return [];
    return [{ seed, live: live.test, decayed: decayed.test, average: averages.equal.test }];
  });
}

function meansOf(ended: readonly SeedResult[]): Means {
  const meanOf = (key: keyof Means): number =>
    ended.reduce((sum, result) => sum + result[key], 0) / ended.length;
  return { live: meanOf('live'), decayed: meanOf('decayed'), average: meanOf('average') };
}

async function write(name: string, value: unknown): Promise<void> {
  await writeFile(new URL(`../data/${name}`, import.meta.url), `${JSON.stringify(value)}\n`);
}
