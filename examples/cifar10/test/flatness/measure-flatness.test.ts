import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { measureFlatness, type Ray } from '../../src/flatness/measure-flatness.js';
import type { Ingredient } from '../../src/methods/soups.js';
import { loadTfjs } from '@polyak/example-shared/load-tfjs';
import type { Surroundings } from '../../src/training/surroundings.js';
import { trainSeeds } from '../../src/training/train-seeds.js';
import { tinyProblem, tinySettings, tinySgd, tinySwa } from '../fixture.js';

let surroundings: Surroundings;
beforeAll(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'polyak-cifar10-'));
  const { tf } = await loadTfjs('wasm', () => {});
  surroundings = { tf, settings: tinySettings, problem: tinyProblem, folder };
  await trainSeeds([tinySgd, tinySwa], [surroundings]);
});
afterAll(async () => rm(surroundings.folder, { recursive: true, force: true, maxRetries: 5 }));

const solutions: readonly Ingredient[] = [tinySgd, tinySwa].map((leg) => ({
  name: leg.name,
  leg,
  read: async ({ weights }) => weights(leg, leg.lastEpoch),
}));

async function measure(stopAfter = Infinity): Promise<readonly Ray[]> {
  const rays: Ray[] = [];
  await measureFlatness(surroundings, solutions, (ray) => {
    rays.push(ray);
    if (rays.length === stopAfter) throw new Error('stopped');
  });
  return rays;
}

describe('measureFlatness', () => {
  it('goes on where it was stopped, with the same point at distance 0 of each ray', async () => {
    await expect(measure(3)).rejects.toThrow('stopped');
    const rays = await measure();
    expect(rays).toHaveLength(2 * 2 * 5 - 3);
    const losses = rays.filter(({ solution }) => solution === tinySwa.name);
    expect(new Set(losses.map(({ trainLoss }) => trainLoss[0])).size).toBe(1);
    expect(new Set(losses.map(({ trainLoss }) => trainLoss[4])).size).toBe(losses.length);
    expect(await measure()).toEqual([]);
  });
});
