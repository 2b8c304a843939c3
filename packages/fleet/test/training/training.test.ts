import { readFileSync } from 'node:fs';
import { greedySoup } from '@polyak/ensemble';
import { diloco, localSgd, swap, sweepSoup } from '@polyak/fleet';
import type { RoundPlan, Settings } from '@polyak/fleet';
import type { HostTensor } from '@polyak/core/interfaces';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NO_REDIS } from '../../../../tests/support/redis.js';
import { killed, openJobs, parentOf, startFleet, until } from './support/fleet.js';
import type { TestFleet } from './support/fleet.js';
import { contributions, reference, valuesOf, WEIGHTS } from './support/reference.js';
import { done, expectKept, MEAN, start } from './support/runs.js';

describe.skipIf(NO_REDIS !== undefined)('training by a fleet', () => {
  let fleet: TestFleet;
  beforeAll(async () => {
    fleet = await startFleet(3);
  }, 60_000);
  afterAll(async () => {
    await fleet.stop();
  });

  describe('algorithms', () => {
    it('local SGD: the mean by samples, each worker with its state, to the bit', async () => {
      const rounds = localSgd({ rounds: 3, workers: 3, steps: 4 });
      const run = await start(fleet, 'local', rounds);
      const seen: number[] = [];
      const result = await run.wait({ onProgress: ({ record }) => seen.push(record.round) });
      expect(seen).toEqual([0, 1, 2]);
      expect(valuesOf(result.weights)).toEqual(valuesOf(await reference(rounds)));
      const members = result.rounds.map(({ record }) => record.members);
      expect(members.map((list) => list.map(({ weight }) => weight))).toEqual([
        [10, 20, 30],
        [10, 20, 30],
        [10, 20, 30],
      ]);
      // A state goes to the worker of the same number.
      expect(members.map((list) => list.map(({ metrics }) => metrics['steps']))).toEqual([
        [4, 4, 4],
        [8, 8, 8],
        [12, 12, 12],
      ]);
      expect(members[0]?.[0]?.metrics).toEqual({ steps: 4, loss: null });
      await expectKept(fleet, 'local', 3);
      await until(async () => (await openJobs(fleet)).length === 0);
    });

    it('DiLoCo: SGD with Nesterov on the outer gradient', async () => {
      const rounds = diloco({ rounds: 3, workers: 2, steps: 3 });
      const result = await done(fleet, 'diloco', rounds);
      // w: one element after the other, in float64, rounded to float32 as the fleet's objects are.
      let [weights, states] = [
        structuredClone(WEIGHTS),
        [] as Awaited<ReturnType<typeof contributions>>,
      ];
      const momentum = { w: new Float32Array(3), b: new Float64Array(1) };
      for (const [round, plan] of rounds.entries()) {
        states = await contributions(plan, round, 0, weights, states);
        for (const name of ['w', 'b'] as const) {
          const { data } = weights[name];
          const [one, two] = states.map(
            (each) => (each.weights[name] as HostTensor).data as Float64Array,
          );
          data.forEach((value, i) => {
            const rounding = name === 'w' ? Math.fround : Number;
            const mean = rounding((Number(one?.[i]) + Number(two?.[i])) / 2);
            const gradient = value - mean;
            const moved = 0.9 * (momentum[name][i] ?? 0) + gradient;
            momentum[name][i] = moved;
            data[i] = value - 0.7 * (gradient + 0.9 * moved);
          });
        }
      }
      expect(valuesOf(result.weights)).toEqual(valuesOf(weights));
    });

    it('SWAP: one worker, then several with fresh states, the mean and batch norm', async () => {
      const rounds = swap({
        together: { steps: 5, options: { lr: 0.2 } },
        apart: { workers: 3, steps: 2, options: { lr: 0.05 } },
      });
      const result = await done(fleet, 'swap', rounds);
      const [first, second] = rounds as [RoundPlan, RoundPlan];
      const [one] = await contributions(first, 0, 0, WEIGHTS);
      const apart = await contributions(second, 1, 0, one?.weights ?? {});
      const expected = [0, 1, 2, 3].map((i) => {
        const sum = apart.reduce((total, { weights }) => total + (valuesOf(weights)[i] ?? 0), 0);
        return i < 3 ? Math.fround(sum / 3) : sum / 3 + 42;
      });
      expect(valuesOf(result.weights)).toEqual(expected);
      const steps = result.rounds.map(({ record }) =>
        record.members.map(({ metrics }) => metrics['steps']),
      );
      expect(steps).toEqual([[5], [2, 2, 2]]);
    });

    it('a greedy soup of a sweep, whose workers have options of their own', async () => {
      const lrs = [0.3, 0.01, 0.1, 0.2];
      const rounds = sweepSoup({ steps: 6, options: lrs.map((lr): Settings => ({ lr })) });
      const result = await done(fleet, 'sweep', rounds);
      const candidates = await contributions(rounds[0] as RoundPlan, 0, 0, WEIGHTS);
      const soup = await greedySoup(
        candidates.map(({ weights }) => weights),
        (weights) => -Math.abs((valuesOf(weights)[0] ?? 0) - 1),
      );
      expect(soup.members.length).toBeGreaterThan(1);
      expect(result.rounds[0]?.result.soup).toEqual(soup.members);
      expect(result.rounds[0]?.result.score).toBe(soup.score);
      expect(valuesOf(result.weights)).toEqual(valuesOf(soup.weights));
    });

    it('no soup of weights that have no score, with an error that names them', async () => {
      const log = fleet.path('unscored.log');
      const options = { log, isUnscored: true };
      const rounds = sweepSoup({ steps: 1, options: [options, options] });
      const run = await start(fleet, 'unscored', rounds);
      await expect(run.wait()).rejects.toThrow(
        /worker 0: evaluate returned NaN, expected a finite number/,
      );
      expect((await fleet.lines(log)).filter((line) => /evaluate/.test(line))).toHaveLength(1);
      await run.cancel();
    });

    it('but for soups, no score', async () => {
      const log = fleet.path('scores.log');
      const rounds = localSgd({ rounds: 2, workers: 1, steps: 1, options: { log } });
      const { rounds: ended } = await done(fleet, 'scores', rounds);
      expect(ended.map(({ result }) => result.score)).toEqual([undefined, undefined]);
      expect((await fleet.lines(log)).map((line) => line.split(' ')[0])).toEqual([
        'train',
        'train',
      ]);
    });
  });

  describe('workers', () => {
    it('keep the lock of a job while a step blocks for longer than it lasts', async () => {
      const log = fleet.path('block.log');
      const options = { blockMs: 4500, log };
      await done(fleet, 'block', [{ ...MEAN, workers: 1, steps: 1, options }]);
      expect(await fleet.lines(log)).toHaveLength(1);
    });

    it('take their child along when they are killed in a step that blocks', async () => {
      const log = fleet.path('orphan.log');
      const options = { blockMs: 3500, log };
      const run = await start(fleet, 'orphan', [{ ...MEAN, workers: 1, steps: 1, options }]);
      await until(async () => (await fleet.lines(log)).length === 1);
      const child = Number((await fleet.lines(log))[0]?.split(' ').at(-1));
      const parent = [...fleet.workers].find(({ pid }) => pid === parentOf(child));
      if (parent === undefined) throw new Error('no worker is the parent');
      await killed(parent);
      // A worker that joins takes the job up, or another one does.
      await fleet.startWorker();
      await until(() => !isAlive(child));
      const { rounds } = await run.wait();
      expect(rounds[0]?.record.members).toHaveLength(1);
      expect(await fleet.lines(log)).toHaveLength(2);
    });

    it.each([
      ['bnUpdate', { ...MEAN, workers: 1, steps: 1, bnUpdate: true }],
      ['evaluate', { ...MEAN, workers: 1, steps: 1, combine: { kind: 'greedy-soup' } } as const],
    ])('are killed in %s, and another one does it again', async (what, plan) => {
      const [gate, log] = [fleet.path(what), fleet.path(`${what}.log`)];
      const calls = async (): Promise<readonly string[]> =>
        (await fleet.lines(log)).filter((line) => line.startsWith(what));
      const run = await start(fleet, what, [{ ...plan, options: { combineUntil: gate, log } }]);
      await until(async () => (await calls()).length === 1);
      const child = Number((await calls())[0]?.split(' ').at(-1));
      const parent = [...fleet.workers].find(({ pid }) => pid === parentOf(child));
      if (parent === undefined) throw new Error('no worker is the parent');
      await killed(parent);
      await fleet.startWorker();
      await fleet.release(gate);
      const { weights } = await run.wait();
      const [w, b] = [valuesOf(weights).slice(0, 3), valuesOf(weights)[3]];
      const expected = valuesOf(await reference([plan]));
      expect(w).toEqual(expected.slice(0, 3));
      expect(b).toBe((expected[3] ?? NaN) + (what === 'bnUpdate' ? 42 : 0));
      expect(await calls()).toHaveLength(2);
      await expectKept(fleet, what, 1);
    });
  });
});

/** Whether a process runs; one that has ended may still be listed, as a zombie. */
function isAlive(pid: number): boolean {
  try {
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return false;
  }
}
