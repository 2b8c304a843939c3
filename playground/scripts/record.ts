// Writes what the page shows before anybody trains: a whole run on wasm in Node, and the results of
// eight seeds.
import { writeFile } from 'node:fs/promises';
import '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';
import { spirals } from '../src/task/spirals.js';
import { defaultControls, defaultSettings } from '../src/training/settings.js';
import type { SeedResult, View } from '../src/view.js';
import { Session } from '../src/worker/session.js';

const seeds = [1, 2, 3, 4, 5, 6, 7, 8];

await tf.setBackend('wasm');
const views: View[] = [];
for (const seed of seeds) views.push(await trained(seed));

const results = views.flatMap(({ settings: { seed }, epochs }): SeedResult[] => {
  const { live, decayed, averages } = epochs.at(-1) ?? {};
  if (live === undefined || decayed === undefined || averages === undefined) return [];
  return [{ seed, live: live.test, decayed: decayed.test, average: averages.equal.test }];
});
console.table(results);
console.log(views.map(({ timing }) => timing));
console.log(views.map(({ flatness }) => flatness));
const [recorded] = views
  .filter(({ settings }) => settings.seed === defaultSettings.spirals.seed)
  .map((view): View => ({ ...view, status: 'recorded' }));
await write('seeds.json', results);
await write('recorded.json', recorded);

async function trained(seed: number): Promise<View> {
  const settings = { ...defaultSettings.spirals, seed };
  const input = { settings, controls: defaultControls('spirals'), backend: 'wasm' as const };
  const session = new Session(spirals(seed, settings.noise), input, {
    post: () => undefined,
    rest: () => Promise.resolve(),
    save: () => Promise.resolve(),
  });
  await session.train();
  await session.dispose();
  return session.view;
}

async function write(name: string, value: unknown): Promise<void> {
  await writeFile(new URL(`../data/${name}`, import.meta.url), `${JSON.stringify(value)}\n`);
}
