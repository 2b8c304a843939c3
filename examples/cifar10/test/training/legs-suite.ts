// Legs in pieces, and a trunk that endings share, give what one piece gives: bit for bit.
import { cp, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { TensorFlowWithLayers } from '@polyak/backend-tfjs';
import { fromSafetensors } from '@polyak/core';
import { recordOf } from '@polyak/core/interfaces';
import { readLines } from '@polyak/example-shared/json-lines';
import { afterAll, beforeAll, expect, it } from 'vitest';

import type { Leg } from '../../src/plan/leg.js';
import type { EpochLine, Surroundings } from '../../src/training/surroundings.js';
import { trainLeg } from '../../src/training/train-leg.js';
import { trainSeeds } from '../../src/training/train-seeds.js';
import { tinyFge, tinyLegs, tinyProblem, tinySettings, tinySgd, tinySwa } from '../fixture.js';

/** What training has to do on a runtime that computes the same each time. */
export function describeLegs(load: () => Promise<TensorFlowWithLayers>): void {
  let root = '';
  let surroundings: Omit<Surroundings, 'folder'>;
  const order: string[] = [];
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'polyak-cifar10-'));
    surroundings = { tf: await load(), settings: tinySettings, problem: tinyProblem };
    const onEpoch = ({ leg, epoch }: EpochLine): void => void order.push(`${leg} ${epoch}`);
    await trainSeeds(tinyLegs, [{ ...surroundings, onEpoch, folder: join(root, 'whole') }]);
  }, 600_000);
  afterAll(async () => rm(root, { recursive: true, force: true, maxRetries: 5 }));

  it('trains each leg once, after the part of another that it goes on from', () => {
    expect(order).toEqual([
      'trunk 1',
      'trunk 2',
      'sgd-4 3',
      'sgd-4 4',
      'swa-0.02-4 3',
      'swa-0.02-4 4',
      'trunk 3',
      'trunk 4',
      'fge-2-4 4',
    ]);
  });

  it('records each epoch, and scores at each second one', async () => {
    const text = await readFile(join(root, 'whole', 'run.jsonl'), 'utf8');
    const lines = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as EpochLine);
    expect(lines.map(({ leg, epoch, live }) => [leg, epoch, live !== undefined])).toEqual([
      ['trunk', 1, false],
      ['trunk', 2, true],
      ['trunk', 3, false],
      ['trunk', 4, true],
      ['sgd-4', 3, false],
      ['sgd-4', 4, true],
      ['swa-0.02-4', 3, false],
      ['swa-0.02-4', 4, true],
      ['fge-2-4', 4, true],
    ]);
    const scored = lines.filter(({ averages }) => averages !== undefined);
    expect(scored.map(({ leg, averages }) => [leg, averages?.map(({ name }) => name)])).toEqual([
      ['swa-0.02-4', ['swa-from-50']],
    ]);
    expect(text).not.toContain('null'); // what JSON makes of NaN
  });

  it('keeps the weights of each epoch, and the averages', async () => {
    const filesOf = async (leg: string): Promise<readonly string[]> =>
      (await readdir(join(root, 'whole', leg))).toSorted();
    expect(await filesOf('trunk')).toEqual([
      'branch-2.safetensors',
      'ema-0.9-after-2.safetensors',
      'ema-0.9-after-4.safetensors',
      'ema-0.99-warm-up-after-2.safetensors',
      'ema-0.99-warm-up-after-4.safetensors',
      'epochs',
      'last.safetensors',
      'swa-4-from-50-after-4.safetensors',
    ]);
    expect(await filesOf('sgd-4/epochs')).toEqual([
      'snapshot-000000.safetensors',
      'snapshot-000001.safetensors',
    ]);
  });

  it('ends the same from each checkpoint on which it can be stopped', async () => {
    for (const [stop, epoch] of [
      ['trunk', 1],
      ['sgd-4', 3],
      ['trunk', 3],
    ] as const) {
      const folder = join(root, `stopped-${stop}-${epoch}`);
      const onEpoch = (line: EpochLine): void => {
        if (line.leg === stop && line.epoch === epoch) throw new Error('stopped');
      };
      await expect(trainSeeds(tinyLegs, [{ ...surroundings, folder, onEpoch }])).rejects.toThrow(
        'stopped',
      );
      await trainSeeds(tinyLegs, [{ ...surroundings, folder }]);
      await expectSame(folder, join(root, 'whole'));
    }
  });

  it('ends the same without a trunk', async () => {
    const folder = join(root, 'alone');
    for (const leg of [tinySgd, tinySwa]) {
      const { name, lastEpoch, rates, observers } = leg;
      const first: Leg = { name, lastEpoch, rates, observers, branches: [] };
      await trainLeg(first, { ...surroundings, folder });
      expect(await trained(folder, leg)).toEqual(await trained(join(root, 'whole'), leg));
    }
  });

  it('adds an ending later', async () => {
    const folder = join(root, 'later');
    await trainSeeds([tinySgd], [{ ...surroundings, folder }]);
    const added: string[] = [];
    const onEpoch = ({ leg, epoch }: EpochLine): void => void added.push(`${leg} ${epoch}`);
    await trainSeeds([tinySgd, tinyFge], [{ ...surroundings, folder, onEpoch }]);
    expect(added).toEqual(['fge-2-4 4']);
    expect(await trained(folder, tinyFge)).toEqual(await trained(join(root, 'whole'), tinyFge));
  });

  it('keeps the lines of legs that it does not train', async () => {
    const folder = join(root, 'lines');
    for (const leg of [tinySgd, tinySwa]) {
      await trainSeeds([leg], [{ ...surroundings, folder }], tinyLegs);
    }
    const lines = await readLines<EpochLine>(join(folder, 'run.jsonl'));
    const names = new Set(lines.map(({ leg }) => leg));
    expect([...names]).toEqual(expect.arrayContaining([tinySgd.name, tinySwa.name]));
  });

  it('refuses the checkpoints of other settings', async () => {
    const folder = join(root, 'other');
    await cp(join(root, 'whole'), folder, { recursive: true });
    const settings = { ...tinySettings, weightDecay: 0 };
    await expect(trainSeeds(tinyLegs, [{ ...surroundings, settings, folder }])).rejects.toThrow(
      /last\.safetensors is of a run with \{.*:0\.0005.*\}, this one .*"weightDecay":0,.*Name/,
    );
  });
}

/** The same files, but for the seconds and the numbers that tfjs gives variables. */
async function expectSame(folder: string, expected: string): Promise<void> {
  const files = async (of: string): Promise<readonly string[]> =>
    (await readdir(of, { recursive: true })).filter((name) => /\.\w+$/.test(name)).toSorted();
  expect(await files(folder)).toEqual(await files(expected));
  for (const name of await files(expected)) {
    if (name.endsWith('last.safetensors') || name.includes('branch')) continue;
    const [found, wanted] = [folder, expected].map((of) => join(of, name));
    expect(await readFile(found ?? '')).toEqual(await readFile(wanted ?? ''));
  }
  for (const leg of tinyLegs) {
    expect(await trained(folder, leg)).toEqual(await trained(expected, leg));
  }
}

/**
 * Weights, momenta and averages in a checkpoint, without the numbers that tfjs gives variables in
 * the order of their creation.
 */
async function trained(folder: string, { name }: Leg): Promise<unknown> {
  const bytes = await readFile(join(folder, name, 'last.safetensors'));
  const { trainer, observers } = recordOf(fromSafetensors(bytes));
  const withoutNumbers = (key: string, value: unknown): unknown =>
    key === 'name' ? String(value).replace(/_\d+\/momentum$/, '/momentum') : value;
  return JSON.parse(JSON.stringify({ trainer, observers }), withoutNumbers);
}
