// Processes that are killed while they write: the output is the old one, none or the new one, and
// what is resumed has the bytes of a run that was left alone.
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { mean } from '@polyak/checkpoints';
import { mergeFiles } from '@polyak/checkpoints/node';
import { encodeSafetensors } from '@polyak/safetensors';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bundleScript } from './bundled-script.js';
import type { Files } from './killed-output.js';
import { ended, KilledOutput } from './killed-output.js';
import { contentsOf } from './output.js';

const KILLS = 200;
/** Processes at once: they wait for the disk. */
const LANES = 4;

let folder = '';
beforeAll(async () => (folder = await mkdtemp(join(tmpdir(), 'polyak-kill-'))));
afterAll(async () => rm(folder, { recursive: true }));

describe('a process that is killed', { timeout: 240_000 }, () => {
  it('at each call of the file system leaves whole outputs, and is resumed', async () => {
    const files = { 'mean-1.bin': 9_000, 'mean-2.bin': 8_001, 'mean.json': 990 };
    const filesOf = (seed: number): Files =>
      new Map(Object.entries(files).map(([name, size]) => [name, contentsOf(name, size, seed)]));
    const script = await bundleScript('killed-writer.ts', folder);
    const options = { files, seed: 1, unit: 8_000 };
    const seen = new Set<string>();
    const killAtEach = async (lane: number): Promise<void> => {
      const place = { folder: join(folder, `lane ${lane}`), old: filesOf(2), next: filesOf(1) };
      const output = new KilledOutput({ ...place, script, options });
      for (let killAt = lane, code: number | null = null; code !== 0; killAt += LANES) {
        await output.begin();
        code = await ended(output.start({ killAt }));
        seen.add(await output.found());
        expect(await output.finish()).toBe('new');
      }
    };
    await Promise.all(Array.from({ length: LANES }, (_, lane) => killAtEach(lane + 1)));
    expect([...seen].toSorted()).toEqual(['new', 'none', 'old']);
  });

  it(`at ${KILLS} random moments of a merge leaves whole outputs, and is resumed`, async () => {
    const script = await bundleScript('killed-merge.ts', folder);
    const inputs = await writeInputs();
    const seen = new Map<string, number>();
    let state = 12;
    const random = (): number => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
    const killOften = async (output: KilledOutput): Promise<void> => {
      await output.begin();
      // How long a process merges: longer on a busy machine.
      let duration = 100;
      for (let kills = 0; kills < KILLS / LANES;) {
        const child = output.start();
        const exit = ended(child);
        await once(child.stdout as NonNullable<typeof child.stdout>, 'data');
        await setTimeout(random() * duration);
        child.kill('SIGKILL');
        const killed = (await exit) === null;
        duration *= killed ? 1.05 : 0.8;
        if (killed) kills += 1;
        const found = await output.found();
        seen.set(found, (seen.get(found) ?? 0) + 1);
        if (found !== 'new' && random() > 0.2) continue;
        expect(await output.finish()).toBe('new');
        await output.begin();
      }
    };
    const lanes: Promise<void>[] = [];
    for (const [name, options] of [
      ['mean.safetensors', {}],
      ['mean.safetensors.index.json', { shardBytes: 2_500_000 }],
    ] as const) {
      const next = await merged(inputs, name, options);
      const old = await merged(inputs.slice(1), name, options);
      const all = { script, options: { inputs, ...options }, next };
      lanes.push(killOften(new KilledOutput({ ...all, folder: join(folder, `new ${name}`) })));
      lanes.push(killOften(new KilledOutput({ ...all, folder: join(folder, `old ${name}`), old })));
    }
    await Promise.all(lanes);
    console.log(`[kill] found: ${JSON.stringify(Object.fromEntries(seen))}`);
    expect([...seen.keys()].toSorted()).toEqual(['new', 'none', 'old']);
  });
});

async function writeInputs(): Promise<string[]> {
  const inputs = [1, 2, 3].map((seed) => join(folder, `${seed}.safetensors`));
  for (const [seed, path] of inputs.entries()) {
    const data = Float32Array.from({ length: 1_250_000 }, (_, index) => Math.sin(seed + 3 * index));
    const tensors = Array.from({ length: 5 }, (_, index) => {
      const part = data.subarray(index * 250_000, (index + 1) * 250_000);
      return [`layer.${index}`, { dtype: 'float32', shape: [250_000], data: part }] as const;
    });
    await writeFile(path, encodeSafetensors(Object.fromEntries(tensors)));
  }
  return inputs;
}

/** The files of a merge that is left alone. */
async function merged(inputs: readonly string[], name: string, options: object): Promise<Files> {
  const place = await mkdtemp(join(folder, 'whole-'));
  await mergeFiles(inputs, join(place, name), { ...options, method: mean(inputs.length) });
  const names = await readdir(place);
  names.sort((a, b) => Number(a === name) - Number(b === name));
  const files = new Map<string, Uint8Array>();
  for (const file of names) files.set(file, await readFile(join(place, file)));
  return files;
}
