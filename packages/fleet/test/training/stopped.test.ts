// Jobs that stop before they write, and go on when nobody needs them any more.
import { rm, writeFile } from 'node:fs/promises';
import { diloco, localSgd } from '@polyak/fleet';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NO_REDIS } from '../../../../tests/support/redis.js';
import { parentOf, startFleet, stateOf, until } from './support/fleet.js';
import type { TestFleet } from './support/fleet.js';
import { reference, valuesOf } from './support/reference.js';
import { expectKept, expectObjects, folderOf, keptKeys, MEAN, start } from './support/runs.js';

const MODULE = new URL('support/stopping.mjs', import.meta.url);

describe.skipIf(NO_REDIS !== undefined)('a job that is stopped', () => {
  let fleet: TestFleet;
  beforeAll(async () => {
    fleet = await startFleet(2, { module: MODULE });
  }, 60_000);
  afterAll(async () => {
    await fleet.stop();
  });

  it('before it writes weights that another one writes leaves nothing', async () => {
    const rounds = localSgd({ rounds: 2, workers: 2, steps: 1 });
    await stopBefore('after/1/weights');
    const run = await start(fleet, 'taken', rounds);
    const child = await stopped();
    const parent = parentOf(child);
    // Its lock goes to the other worker.
    process.kill(parent, 'SIGSTOP');
    const { weights } = await run.wait();
    await expectKept(fleet, 'taken', 2);
    process.kill(parent, 'SIGCONT');
    // The weights of a round that is over.
    await goOn(child, 'after/1/weights');
    await expectKept(fleet, 'taken', 2);
    expect(valuesOf(weights)).toEqual(valuesOf(await reference(rounds)));
  });

  const cases = [
    ['the next weights', localSgd({ rounds: 2, workers: 1, steps: 1 }), 'after/1/weights'],
    ['the last weights', localSgd({ rounds: 1, workers: 1, steps: 1 }), 'after/1/weights'],
    ['momentum', diloco({ rounds: 2, workers: 1, steps: 1 }), 'after/1/momentum'],
    ['the end of the round', localSgd({ rounds: 2, workers: 1, steps: 1 }), 'rounds/0/end.json'],
  ] as const;
  it.each(cases)(
    'before it writes %s of a run that is cancelled leaves nothing',
    async (...args) => {
      const [what, rounds, part] = args;
      const id = `cancel-${what.split(' ').at(-1)}-${rounds.length}`;
      await stopBefore(part);
      const run = await start(fleet, id, rounds);
      const child = await stopped();
      await run.cancel();
      await goOn(child, part);
      await expectObjects(fleet, id, await keptKeys(fleet, id, { rounds: 1, weightsAfter: 0 }));
      await expect(run.wait()).rejects.toThrow('was cancelled');
    },
  );

  it('before it writes a contribution of a run that is cancelled leaves nothing', async () => {
    await stopBefore('contributions/0-');
    const run = await start(fleet, 'cancel-train', [{ ...MEAN, workers: 1, steps: 1 }]);
    const child = await stopped();
    await run.cancel();
    await goOn(child, 'contributions/0-');
    const folder = await folderOf(fleet, 'cancel-train');
    await expectObjects(fleet, 'cancel-train', [
      expect.stringMatching(`^${folder}after/0/weights-`),
      `${folder}rounds/0/end.json`,
      'runs/cancel-train/run.json',
    ]);
  });

  it.each(['after/1/weights', 'rounds/0/end.json', 'contributions/0.json'])(
    'before it writes %s of a run that is removed does not touch the next one of its id',
    async (part) => {
      const id = `removed-${part.replaceAll(/\W/g, '-')}`;
      const rounds = [{ ...MEAN, workers: 1, steps: 1 }];
      await stopBefore(part);
      const first = await start(fleet, id, rounds);
      const waited = first.wait();
      const child = await stopped();
      await fleet.store.remove(`runs/${id}/`);
      await expect(waited).rejects.toThrow(/was removed from .* Start it again/);
      const next = await start(fleet, id, [{ ...MEAN, workers: 1, steps: 3 }]);
      const { weights } = await next.wait();
      await goOn(child, part);
      await expectKept(fleet, id, 1);
      const expected = valuesOf(await reference([{ ...MEAN, workers: 1, steps: 3 }]));
      expect(valuesOf(weights)).toEqual(expected);
      expect(valuesOf((await next.wait()).weights)).toEqual(expected);
    },
  );

  /** Lets the first process stop that is about to write an object whose key has this part. */
  async function stopBefore(part: string): Promise<void> {
    for (const name of ['stopped', 'written']) await rm(fleet.path(name), { force: true });
    await writeFile(fleet.path('stop'), part);
  }

  /** Waits until it has stopped. */
  async function stopped(): Promise<number> {
    await until(async () => (await fleet.lines(fleet.path('stopped'))).length === 1);
    const pid = Number((await fleet.lines(fleet.path('stopped')))[0]);
    // It says so right before.
    await until(() => stateOf(pid) === 'T');
    return pid;
  }

  /** Continues it, and waits until it has written the object, or failed to. */
  async function goOn(child: number, part: string): Promise<void> {
    process.kill(child, 'SIGCONT');
    await until(async () => (await fleet.lines(fleet.path('written'))).length === 1);
    expect((await fleet.lines(fleet.path('written')))[0]).toContain(part);
  }
});
