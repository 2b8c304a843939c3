import { setTimeout } from 'node:timers/promises';
import { localSgd, startRun } from '@polyak/fleet';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NO_REDIS } from '../../../../tests/support/redis.js';
import { killed, startFleet, until } from './support/fleet.js';
import type { TestFleet } from './support/fleet.js';
import { reference, valuesOf, WEIGHTS } from './support/reference.js';
import { done, firstJob, folderOf, MEAN, start } from './support/runs.js';

describe.skipIf(NO_REDIS !== undefined)('a fleet whose Redis', () => {
  let fleet: TestFleet;
  beforeAll(async () => {
    fleet = await startFleet(1);
  }, 60_000);
  afterAll(async () => {
    await fleet.stop();
  });

  it('was away for seconds goes on with a run, and does the next one', async () => {
    const gate = fleet.path('away');
    const rounds = [
      { ...MEAN, workers: 2, steps: 2, options: { worker: 0, until: gate } },
      ...localSgd({ rounds: 1, workers: 2, steps: 2 }),
    ];
    const run = await start(fleet, 'away', rounds);
    const waited = run.wait();
    await setTimeout(500);
    await fleet.redis.kill();
    await setTimeout(3000);
    await fleet.redis.start();
    await fleet.release(gate);
    expect(valuesOf((await waited).weights)).toEqual(valuesOf(await reference(rounds)));
    const next = localSgd({ rounds: 2, workers: 2, steps: 1 });
    const { weights } = await done(fleet, 'after', next);
    expect(valuesOf(weights)).toEqual(valuesOf(await reference(next)));
  });

  it('has lost the jobs of a run adds them again', async () => {
    const gate = fleet.path('lost');
    const rounds = [{ ...MEAN, workers: 2, steps: 2, options: { worker: 0, until: gate } }];
    const run = await start(fleet, 'lost', rounds);
    await until(async () => (await fleet.training.getWaitingCount()) === 1);
    const { instance } = (await firstJob(fleet, 'lost')) as { readonly instance: string };
    await fleet.training.remove(`lost-${instance}-round-0-1`);
    await fleet.release(gate);
    expect(valuesOf((await run.wait()).weights)).toEqual(valuesOf(await reference(rounds)));
  });

  it('has the clock of deadlines: those of machines may differ', async () => {
    const gate = fleet.path('clock');
    const quorum = { quorum: 1, deadlineMs: 60_000, options: { worker: 1, until: gate } };
    const rounds = [{ ...MEAN, workers: 2, steps: 1, ...quorum }];
    const run = await start(fleet, 'clock', rounds);
    const folder = await folderOf(fleet, 'clock');
    const contribution = `${folder}rounds/0/contributions/0.json`;
    await until(async () => (await fleet.store.get(contribution)) !== undefined);
    // For this one the next look at the round has been due for an hour: it takes the round over.
    const ahead = await fleet.startWorker({ aheadMs: 3_600_000 });
    await setTimeout(2000);
    await fleet.release(gate);
    const { rounds: ended } = await run.wait();
    expect(ended[0]?.record.members.map(({ worker }) => worker)).toEqual([0, 1]);
    await killed(ahead);
  });

  it('is not reached refuses a run at once', async () => {
    const options = {
      id: 'nowhere',
      rounds: [{ ...MEAN, workers: 1, steps: 1 }],
      weights: WEIGHTS,
    };
    const nowhere = { store: fleet.store, url: 'redis://127.0.0.1:1' };
    await expect(startRun(nowhere, options)).rejects.toThrow(
      /^startRun: Redis is not reached at 127\.0\.0\.1:1 .*Start Redis, or correct its URL/,
    );
  });

  it('is away has errors that say what to do, and loses no run', async () => {
    const gate = fleet.path('errors');
    const rounds = [{ ...MEAN, workers: 1, steps: 1, options: { until: gate } }];
    const run = await start(fleet, 'errors', rounds);
    const waited = run.wait();
    await setTimeout(500);
    await fleet.redis.kill();
    const calls = { startRun: () => start(fleet, 'errors', rounds), wait: () => run.wait() };
    for (const [name, call] of Object.entries(calls)) {
      const remedy = `Start Redis, or correct its URL, and call ${name} again.`;
      await expect(call()).rejects.toThrow(remedy);
    }
    await fleet.redis.start();
    await fleet.release(gate);
    expect(valuesOf((await waited).weights)).toEqual(valuesOf(await reference(rounds)));
  });
});
