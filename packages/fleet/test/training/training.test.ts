import { readFileSync } from 'node:fs';
import { greedySoup } from '@polyak/ensemble';
import { diloco, localSgd, startRun, swap, sweepSoup } from '@polyak/fleet';
import type { RoundPlan, Run, RunOptions, RunResult, Settings } from '@polyak/fleet';
import type { HostTensor } from '@polyak/core/interfaces';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NO_REDIS } from '../support/redis.js';
import { killed, openJobs, parentOf, startFleet, until } from './support/fleet.js';
import type { TestFleet } from './support/fleet.js';
import { contributions, reference, valuesOf, WEIGHTS } from './support/reference.js';

const MEAN = { weighting: 'uniform', combine: { kind: 'mean' } } as const;

describe.skipIf(NO_REDIS !== undefined)('training by a fleet', () => {
  let fleet: TestFleet;
  beforeAll(async () => {
    fleet = await startFleet(3);
  }, 60_000);
  afterAll(async () => {
    await fleet.stop();
  });

  async function start(id: string, rounds: readonly RoundPlan[]): Promise<Run> {
    return await startRun(fleet, { id, rounds, weights: WEIGHTS });
  }

  async function done(id: string, rounds: readonly RoundPlan[]): Promise<RunResult> {
    return await (await start(id, rounds)).wait();
  }

  /** The records and the weights of a run of so many rounds. */
  function kept(id: string, rounds: number): readonly string[] {
    const records = Array.from({ length: rounds }, (_, round) => [
      `runs/${id}/rounds/${round}/closed.json`,
      `runs/${id}/rounds/${round}/result.json`,
    ]);
    return [...records.flat(), `runs/${id}/run.json`, `runs/${id}/weights.safetensors`].toSorted();
  }

  async function expectKept(id: string, rounds: number): Promise<void> {
    // What is not needed is removed right after the result is there.
    const expected = kept(id, rounds);
    const isTidy = async (): Promise<boolean> =>
      (await fleet.store.list(`runs/${id}/`)).length <= expected.length;
    await until(isTidy, 3000).catch(() => undefined);
    expect(await fleet.store.list(`runs/${id}/`)).toEqual(expected);
  }

  describe('algorithms', () => {
    it('local SGD: the mean by samples, each worker with its state, to the bit', async () => {
      const rounds = localSgd({ rounds: 3, workers: 3, steps: 4 });
      const run = await start('local', rounds);
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
      await expectKept('local', 3);
      await until(async () => (await openJobs(fleet)).length === 0);
    });

    it('DiLoCo: SGD with Nesterov on the outer gradient', async () => {
      const rounds = diloco({ rounds: 3, workers: 2, steps: 3 });
      const result = await done('diloco', rounds);
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
      const result = await done('swap', rounds);
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
      expect(result.rounds[1]?.result.score).toBe(-Math.abs((expected[0] ?? 0) - 1));
    });

    it('a greedy soup of a sweep, whose workers have options of their own', async () => {
      const lrs = [0.3, 0.01, 0.1, 0.2];
      const rounds = sweepSoup({ steps: 6, options: lrs.map((lr): Settings => ({ lr })) });
      const result = await done('sweep', rounds);
      const candidates = await contributions(rounds[0] as RoundPlan, 0, 0, WEIGHTS);
      const soup = await greedySoup(
        candidates.map(({ weights }) => weights),
        (weights) => -Math.abs((valuesOf(weights)[0] ?? 0) - 1),
      );
      expect(soup.members.length).toBeGreaterThan(1);
      expect(result.rounds[0]?.result.soup).toEqual(soup.members);
      expect(valuesOf(result.weights)).toEqual(valuesOf(soup.weights));
    });
  });

  describe('workers', () => {
    it('keep the lock of a job while a step blocks for longer than it lasts', async () => {
      const log = fleet.path('block.log');
      const options = { blockMs: 4500, log };
      await done('block', [{ ...MEAN, workers: 1, steps: 1, options }]);
      expect(await fleet.lines(log)).toHaveLength(1);
    });

    it('take their child along when they are killed in a step that blocks', async () => {
      const log = fleet.path('orphan.log');
      const options = { blockMs: 3500, log };
      const run = await start('orphan', [{ ...MEAN, workers: 1, steps: 1, options }]);
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
  });

  describe('contributions', () => {
    it('a duplicate changes nothing', async () => {
      const gate = fleet.path('duplicate');
      const options = { worker: 1, until: gate };
      const rounds = [{ ...MEAN, workers: 2, steps: 2, options }];
      const run = await start('duplicate', rounds);
      const key = 'runs/duplicate/rounds/0/contributions/0.json';
      await until(async () => (await fleet.store.get(key)) !== undefined);
      const before = await fleet.store.get(key);
      const job = await fleet.training.add('train', await firstJob('duplicate'));
      await until(async () => (await outcomeOf(job.id)) === 'duplicate');
      expect(await fleet.store.get(key)).toEqual(before);
      await fleet.release(gate);
      expect(valuesOf((await run.wait()).weights)).toEqual(valuesOf(await reference(rounds)));
    });

    it('a late one is refused by its round, and leaves nothing', async () => {
      const [gate, log] = [fleet.path('late'), fleet.path('late.log')];
      const options = { worker: 2, until: gate, isStubborn: true, log };
      const plan = { ...MEAN, workers: 3, steps: 2, quorum: 2, deadlineMs: 1500, options };
      const result = await done('late', [plan]);
      const { members, absent } = result.rounds[0]?.record ?? {};
      expect(members?.map(({ worker }) => worker)).toEqual([0, 1]);
      expect(absent).toEqual([{ worker: 2 }]);
      const { instance } = await firstJob('late');
      await fleet.release(gate);
      await until(async () => (await outcomeOf(`late-${instance}-round-0-2`)) === 'late');
      await expectKept('late', 1);
      const all = await contributions({ ...plan, workers: 2, options: {} }, 0, 0, WEIGHTS);
      const mean = [0, 1, 2, 3].map((i) => {
        const sum = all.reduce((total, { weights }) => total + (valuesOf(weights)[i] ?? 0), 0);
        return i < 3 ? Math.fround(sum / 2) : sum / 2;
      });
      expect(valuesOf(result.weights)).toEqual(mean);
    });

    it('one that a stopped process writes after the end of its round leaves nothing', async () => {
      const [gate, log] = [fleet.path('stopped'), fleet.path('stopped.log')];
      const options = { until: gate, isStubborn: true, log };
      const run = await start('stopped', [{ ...MEAN, workers: 1, steps: 2, options }]);
      await until(async () => (await fleet.lines(log)).length === 1);
      const second = await fleet.training.add('train', await firstJob('stopped'));
      await until(async () => (await fleet.lines(log)).length === 2);
      const pid = Number((await fleet.lines(log))[1]?.split(' ').at(-1));
      process.kill(pid, 'SIGSTOP');
      await fleet.release(gate);
      await run.wait();
      await until(async () => (await fleet.store.list('runs/stopped/')).length === 4);
      process.kill(pid, 'SIGCONT');
      // The same contribution, to the bit.
      await until(async () => (await outcomeOf(second.id)) === 'contributed');
      await expectKept('stopped', 1);
    });

    it('a worker learns that its round has closed, and joins the next one', async () => {
      const log = fleet.path('abort.log');
      const options = { worker: 0, until: fleet.path('never'), log };
      const first = { ...MEAN, workers: 2, steps: 2, quorum: 1, deadlineMs: 800, options };
      const second = { ...MEAN, workers: 2, steps: 2, options: { log } };
      const result = await done('abort', [first, second]);
      expect(await fleet.lines(log)).toContain('aborted 0/0');
      const steps = result.rounds.map(({ record }) =>
        record.members.map(({ metrics }) => metrics['steps']),
      );
      expect(steps).toEqual([[2], [2, 4]]);
    });

    it.each([
      ['NaN', { worker: 1, nanUnless: '/no/such/file' }, 'NaN or an infinity in "w"'],
      ['a wrong shape', { worker: 1, misfit: true }, '"w" is float32[2], expected float32[3]'],
    ])('%s is refused by name, and not waited for', async (what, refused, reason) => {
      const id = `refused-${what.slice(0, 1)}`;
      const log = fleet.path(`${id}.log`);
      const options = { ...refused, log };
      const { rounds } = await done(id, [{ ...MEAN, workers: 3, steps: 1, quorum: 2, options }]);
      const { members, absent } = rounds[0]?.record ?? {};
      expect(members?.map(({ worker }) => worker)).toEqual([0, 2]);
      expect(absent).toEqual([{ worker: 1, reason: expect.stringContaining(reason) as string }]);
      const lines = await fleet.lines(log);
      expect(lines.filter((line) => line.startsWith('train 0/1'))).toHaveLength(1);
      await until(async () => (await openJobs(fleet)).length === 0);
    });
  });

  describe('runs', () => {
    it('fail below the quorum, naming who is missing; started again, they go on', async () => {
      const [gate, log] = [fleet.path('quorum'), fleet.path('quorum.log')];
      const rounds = [
        { ...MEAN, workers: 2, steps: 2, options: { worker: 1, nanUnless: gate, log } },
      ];
      await expect(done('quorum', rounds)).rejects.toThrow(
        expect.objectContaining({
          code: 'ERR_ROUND',
          message: expect.stringMatching(/round 0 has 1 of 2 .* worker 1 \(.*NaN .* "w"/) as string,
        }),
      );
      await fleet.release(gate);
      const result = await done('quorum', rounds);
      expect(valuesOf(result.weights)).toEqual(valuesOf(await reference(rounds)));
      const lines = await fleet.lines(log);
      expect(lines.filter((line) => line.startsWith('train 0/0'))).toHaveLength(1);
    });

    it('fail at the deadline without a quorum', async () => {
      const gate = fleet.path('deadline');
      const options = { worker: 1, until: gate };
      const rounds = [{ ...MEAN, workers: 2, steps: 2, deadlineMs: 500, options }];
      await expect(done('deadline', rounds)).rejects.toThrow(/worker 1 \(has not contributed\)/);
      await fleet.release(gate);
      const result = await done('deadline', rounds);
      expect(valuesOf(result.weights)).toEqual(valuesOf(await reference(rounds)));
    });

    it('are cancelled: workers stop, and nothing is left but records', async () => {
      const log = fleet.path('cancel.log');
      const options = { until: fleet.path('never'), log };
      const first = { ...MEAN, workers: 3, steps: 2 };
      const run = await start('cancel', [first, { ...MEAN, workers: 5, steps: 2, options }]);
      await until(async () => (await fleet.lines(log)).length === 3);
      await run.cancel();
      await expect(run.wait()).rejects.toThrow('the run "cancel" was cancelled');
      await until(async () => (await openJobs(fleet)).length === 0);
      expect((await fleet.lines(log)).filter((line) => line.startsWith('aborted'))).toHaveLength(3);
      expect(await fleet.store.list('runs/cancel/')).toEqual([
        'runs/cancel/cancelled.json',
        'runs/cancel/rounds/0/closed.json',
        'runs/cancel/rounds/0/result.json',
        'runs/cancel/rounds/1/start/weights.safetensors',
        'runs/cancel/run.json',
      ]);
    });

    it('are attached to when they are started twice, unless they differ', async () => {
      const rounds = localSgd({ rounds: 1, workers: 2, steps: 1 });
      const options: RunOptions = { id: 'twice', rounds, weights: WEIGHTS };
      const [one, two] = await Promise.all([startRun(fleet, options), startRun(fleet, options)]);
      const results = await Promise.all([one.wait(), two.wait()]);
      expect(results[0]).toEqual(results[1]);
      expect(await (await startRun(fleet, options)).wait()).toEqual(results[0]);
      await expect(startRun(fleet, { ...options, seed: 1 })).rejects.toThrow(
        expect.objectContaining({ code: 'ERR_EXISTS' }),
      );
    });

    it('fail where an object in the store has changed, with an error that names it', async () => {
      const gate = fleet.path('changed');
      const options = { worker: 1, until: gate };
      const run = await start('changed', [{ ...MEAN, workers: 2, steps: 1, options }]);
      const folder = 'runs/changed/rounds/0/contributions/';
      const others = async (): Promise<readonly string[]> => {
        return (await fleet.store.list(folder)).filter((key) => key.endsWith('.safetensors'));
      };
      await until(async () => (await fleet.store.get(`${folder}0.json`)) !== undefined);
      const [key = ''] = await others();
      const bytes = Uint8Array.from((await fleet.store.get(key)) ?? []);
      bytes[bytes.length - 1] = Number(bytes.at(-1)) ^ 1;
      await fleet.store.put(key, bytes);
      await fleet.release(gate);
      await expect(run.wait()).rejects.toThrow(new RegExp(`"${key}" has changed`));
      await run.cancel();
    });

    it('do not meet those of the same id that were removed from the store', async () => {
      const rounds = localSgd({ rounds: 2, workers: 2, steps: 1 });
      const first = await done('again', rounds);
      const old = await firstJob('again');
      await fleet.store.remove('runs/again/');
      expect((await done('again', rounds)).weights).toEqual(first.weights);
      const job = await fleet.training.add('train', old);
      await until(async () => (await fleet.training.getJobState(job.id ?? '')) === 'failed');
      const { failedReason } = (await fleet.training.getJob(job.id ?? '')) ?? {};
      expect(failedReason).toContain('is of another run "again" than');
      await job.remove();
    });

    it('are not started where the plan, the id or the weights are wrong', async () => {
      const plan: RoundPlan = { ...MEAN, workers: 2, steps: 1 };
      const half = { w: { dtype: 'float16', shape: [1], data: Uint16Array.of(0) } } as const;
      const wrong: readonly (readonly [Partial<RunOptions>, string])[] = [
        [{ id: '../x' }, 'the id is "../x"'],
        [{ rounds: [] }, 'there are no rounds'],
        [{ rounds: [plan, { ...plan, workers: 0 }] }, 'round 1: workers is 0'],
        [{ rounds: [{ ...plan, steps: 0.5 }] }, 'steps is 0.5'],
        [{ rounds: [{ ...plan, quorum: 3 }] }, 'quorum is 3, expected an integer from 1 to the 2'],
        [{ rounds: [{ ...plan, deadlineMs: Infinity }] }, 'deadlineMs is'],
        [{ rounds: [{ ...plan, options: [{}] }] }, 'options for 1 workers of 2'],
        [{ rounds: [{ ...plan, options: { lr: NaN } }] }, 'not plain JSON'],
        [{ weights: half }, 'float16'],
      ];
      for (const [options, message] of wrong) {
        const whole = { id: 'wrong', rounds: [plan], weights: WEIGHTS, ...options };
        await expect(startRun(fleet, whole)).rejects.toThrow(message);
      }
      expect(await fleet.store.list('runs/wrong/')).toEqual([]);
    });
  });

  /** The data of the job of worker 0 in round 0. */
  async function firstJob(run: string) {
    const bytes = await fleet.store.get(`runs/${run}/run.json`);
    const { instance } = JSON.parse(new TextDecoder().decode(bytes)) as {
      readonly instance: string;
    };
    return { kind: 'train', run, instance, round: 0, worker: 0 };
  }

  async function outcomeOf(id: string | undefined): Promise<unknown> {
    const job = await fleet.training.getJob(id ?? '');
    return (job?.returnvalue as { readonly outcome?: string } | null | undefined)?.outcome;
  }
});

/** Whether a process runs; one that has ended may still be listed, as a zombie. */
function isAlive(pid: number): boolean {
  try {
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return false;
  }
}
