// Writes data/recorded.json: a whole run on wasm in Node, as the page draws it.
import { writeFile } from 'node:fs/promises';
import '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';
import { spirals } from '../src/task/spirals.js';
import { defaultControls, defaultSettings } from '../src/training/settings.js';
import { Session } from '../src/worker/session.js';

await tf.setBackend('wasm');
const settings = defaultSettings.spirals;
const input = { settings, controls: defaultControls('spirals'), backend: 'wasm' as const };
const session = new Session(spirals(settings.seed, settings.noise), input, {
  post: () => undefined,
  rest: () => Promise.resolve(),
  save: () => Promise.resolve(),
});
await session.train();
const { timing, ...view } = session.view;
console.log(timing, view.epochs.at(-1));
const recorded = { ...view, status: 'recorded' };
await writeFile(new URL('../data/recorded.json', import.meta.url), `${JSON.stringify(recorded)}\n`);
