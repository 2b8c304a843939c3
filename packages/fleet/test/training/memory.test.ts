import { startRun, sweepSoup } from '@polyak/fleet';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NO_REDIS } from '../../../../tests/support/redis.js';
import { startFleet } from './support/fleet.js';
import type { TestFleet } from './support/fleet.js';

const MODULE = new URL('support/large.mjs', import.meta.url);
const MB = 2 ** 20;

describe.skipIf(NO_REDIS !== undefined)('a greedy soup', () => {
  let fleet: TestFleet;
  beforeAll(async () => {
    fleet = await startFleet(1, { module: MODULE });
  }, 60_000);
  afterAll(async () => {
    await fleet.stop();
  });

  it('takes memory for a few models, not for all of them', { timeout: 120_000 }, async () => {
    const length = (8 * MB) / 4;
    const log = fleet.path('memory.log');
    // 24 models of 8 MB.
    const options = Array.from({ length: 24 }, () => ({ length, log }));
    const run = await startRun(fleet.at, {
      id: 'memory',
      rounds: sweepSoup({ steps: 1, options }),
      weights: { w: { dtype: 'float32', shape: [length], data: new Float32Array(length) } },
    });
    const { rounds } = await run.wait();
    expect(rounds[0]?.result.soup?.length).toBeGreaterThan(1);
    const kilobytes = (await fleet.lines(log)).map(Number);
    console.log(`a soup of 24 models of 8 MB: ${Math.round(Math.max(...kilobytes) / 1024)} MB`);
    expect(kilobytes).toHaveLength(24 + 23);
    expect(Math.max(...kilobytes) / 1024).toBeLessThan(300);
  });
});
