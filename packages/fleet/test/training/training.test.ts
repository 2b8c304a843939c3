import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { localSgd, startRun } from '@polyak/fleet';
import { NO_REDIS } from '../support/redis.js';
import { startFleet } from './support/fleet.js';
import type { TestFleet } from './support/fleet.js';

const WEIGHTS = {
  w: { dtype: 'float32', shape: [3], data: Float32Array.of(0.5, -1.25, 3) },
  b: { dtype: 'float64', shape: [1], data: Float64Array.of(0.1) },
} as const;

describe.skipIf(NO_REDIS !== undefined)('training by a fleet', () => {
  let fleet: TestFleet;
  beforeAll(async () => {
    fleet = await startFleet(2);
  }, 30_000);
  afterAll(async () => {
    await fleet.stop();
  });

  it('runs local SGD', async () => {
    const rounds = localSgd({ rounds: 2, workers: 3, steps: 4 });
    const run = await startRun(fleet, { id: 'first', rounds, weights: WEIGHTS });
    const result = await run.wait();
    console.log(
      JSON.stringify(result.rounds, undefined, 1),
      result.weights,
      await fleet.store.list(''),
    );
    expect(result.rounds.length).toBe(2);
  });
});
