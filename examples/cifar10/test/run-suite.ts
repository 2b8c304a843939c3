// A run in pieces, and a half that two runs share, give what one piece gives: bit for bit.
import { cp, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { TensorFlowWithLayers } from '@polyak/backend-tfjs';
import { fromSafetensors } from '@polyak/core';
import { recordOf } from '@polyak/core/interfaces';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { type Leg, runLeg, type Surroundings } from '../src/run-leg.js';
import { runSeed, type SeedRun } from '../src/run-seed.js';
import { tinyEndings, tinyProblem, tinySettings } from './fixture.js';

/** What a run has to do on a runtime that computes the same each time. */
export function describeRuns(load: () => Promise<TensorFlowWithLayers>): void {
  let root = '';
  let surroundings: Omit<Surroundings, 'folder'>;
  let whole: SeedRun;
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'polyak-cifar10-'));
    surroundings = { tf: await load(), settings: tinySettings, problem: tinyProblem };
    whole = await runSeed(tinyEndings, { ...surroundings, folder: join(root, 'whole') });
  }, 600_000);
  afterAll(async () => rm(root, { recursive: true, force: true, maxRetries: 5 }));

  it('records each epoch, and scores at each second one', async () => {
    const lines = (await readFile(join(root, 'whole', 'run.jsonl'), 'utf8')).trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line) as object)).toEqual([
      ...whole.shared.lines,
      ...whole.endings.flatMap((ending) => ending.lines),
    ]);
    expect(whole.shared.lines.map(({ epoch, live }) => [epoch, live !== undefined])).toEqual([
      [1, false],
      [2, true],
    ]);
    const [sgd, swa] = whole.endings;
    expect(sgd?.lines.map(({ epoch, averages }) => [epoch, averages?.length])).toEqual([
      [3, undefined],
      [4, 0],
    ]);
    expect(swa?.lines.at(-1)?.averages?.map(({ from }) => from)).toEqual([0.5, 0.75]);
    const numbers = JSON.stringify(whole).match(/null/);
    expect(numbers).toBeNull(); // what JSON makes of NaN
  });

  it('ends the same from each checkpoint on which it can be stopped', async () => {
    for (const epoch of [1, 3]) {
      const folder = join(root, `stopped-${epoch}`);
      let isStopped = false;
      const stopping = {
        ...surroundings,
        folder,
        onEpoch: (line: { readonly epoch: number }): void => {
          isStopped ||= line.epoch === epoch;
          if (isStopped) throw new Error('stopped');
        },
      };
      await expect(runSeed(tinyEndings, stopping)).rejects.toThrow('stopped');
      await runSeed(tinyEndings, { ...surroundings, folder });
      for (const name of ['shared', 'sgd', 'swa-0.02']) {
        expect(await trained(folder, name)).toEqual(await trained(join(root, 'whole'), name));
      }
      expect(await readFile(join(folder, 'run.jsonl'))).toEqual(
        await readFile(join(root, 'whole', 'run.jsonl')),
      );
    }
  });

  it('ends the same without the shared half', async () => {
    for (const ending of tinyEndings) {
      const folder = join(root, 'alone');
      await runSeedAlone({ name: ending.name, lastEpoch: 4, ending }, { ...surroundings, folder });
      expect(await trained(folder, ending.name)).toEqual(
        await trained(join(root, 'whole'), ending.name),
      );
    }
  });

  it('refuses the checkpoints of other settings', async () => {
    const folder = join(root, 'other');
    await cp(join(root, 'whole'), folder, { recursive: true });
    const settings = { ...tinySettings, weightDecay: 0 };
    await expect(runSeed(tinyEndings, { ...surroundings, settings, folder })).rejects.toThrow(
      /shared\.safetensors is of a run with \{.*:0\.0005.*\}, this one .*"weightDecay":0,.*Name/,
    );
  });
}

async function runSeedAlone(leg: Leg, surroundings: Surroundings): Promise<void> {
  await mkdir(surroundings.folder, { recursive: true });
  await runLeg(leg, surroundings);
}

/**
 * Weights, momenta and averages in a checkpoint, without the numbers that tfjs gives variables in
 * the order of their creation.
 */
async function trained(folder: string, name: string): Promise<unknown> {
  const { trainer } = recordOf(
    fromSafetensors(await readFile(join(folder, `${name}.safetensors`))),
  );
  const withoutNumbers = (key: string, value: unknown): unknown =>
    key === 'name' ? String(value).replace(/_\d+\/momentum$/, '/momentum') : value;
  return JSON.parse(JSON.stringify(trainer), withoutNumbers);
}
