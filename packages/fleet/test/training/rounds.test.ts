import { localSgd, startRun } from '@polyak/fleet';
import type { RoundPlan, RunOptions } from '@polyak/fleet';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NO_REDIS } from '../../../../tests/support/redis.js';
import { openJobs, startFleet, until } from './support/fleet.js';
import type { TestFleet } from './support/fleet.js';
import { contributions, reference, valuesOf, WEIGHTS } from './support/reference.js';
import {
  done,
  expectKept,
  expectObjects,
  firstJob,
  folderOf,
  keptKeys,
  MEAN,
  outcomeOf,
  start,
} from './support/runs.js';

describe.skipIf(NO_REDIS !== undefined)('the rounds of a fleet', () => {
  let fleet: TestFleet;
  beforeAll(async () => {
    fleet = await startFleet(3);
  }, 60_000);
  afterAll(async () => {
    await fleet.stop();
  });

  describe('contributions', () => {
    it('a duplicate changes nothing', async () => {
      const gate = fleet.path('duplicate');
      const options = { worker: 1, until: gate };
      const rounds = [{ ...MEAN, workers: 2, steps: 2, options }];
      const run = await start(fleet, 'duplicate', rounds);
      const key = `${await folderOf(fleet, 'duplicate')}rounds/0/contributions/0.json`;
      await until(async () => (await fleet.store.get(key)) !== undefined);
      const before = await fleet.store.get(key);
      const job = await fleet.training.add('train', await firstJob(fleet, 'duplicate'));
      await until(async () => (await outcomeOf(fleet, job.id)) === 'duplicate');
      expect(await fleet.store.get(key)).toEqual(before);
      await fleet.release(gate);
      expect(valuesOf((await run.wait()).weights)).toEqual(valuesOf(await reference(rounds)));
    });

    it('a late one is refused by its round, and leaves nothing', async () => {
      const [gate, log] = [fleet.path('late'), fleet.path('late.log')];
      const options = { worker: 2, until: gate, isStubborn: true, log };
      const plan = { ...MEAN, workers: 3, steps: 2, quorum: 2, deadlineMs: 1500, options };
      const result = await done(fleet, 'late', [plan]);
      const { members, absent } = result.rounds[0]?.record ?? {};
      expect(members?.map(({ worker }) => worker)).toEqual([0, 1]);
      expect(absent).toEqual([{ worker: 2 }]);
      const { instance } = await firstJob(fleet, 'late');
      // The end of the round removes the jobs that are done.
      await until(async () => (await openJobs(fleet)).length === 1);
      await fleet.release(gate);
      await until(async () => (await outcomeOf(fleet, `late-${instance}-round-0-2`)) === 'late');
      await expectKept(fleet, 'late', 1);
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
      const run = await start(fleet, 'stopped', [{ ...MEAN, workers: 1, steps: 2, options }]);
      await until(async () => (await fleet.lines(log)).length === 1);
      const second = await fleet.training.add('train', await firstJob(fleet, 'stopped'));
      await until(async () => (await fleet.lines(log)).length === 2);
      const pid = Number((await fleet.lines(log))[1]?.split(' ').at(-1));
      process.kill(pid, 'SIGSTOP');
      await fleet.release(gate);
      await run.wait();
      await until(async () => (await fleet.store.list('runs/stopped/')).length === 4);
      process.kill(pid, 'SIGCONT');
      // The same contribution, to the bit.
      await until(async () => (await outcomeOf(fleet, second.id)) === 'contributed');
      await expectKept(fleet, 'stopped', 1);
    });

    it('a worker learns that its round has closed, and joins the next one', async () => {
      const log = fleet.path('abort.log');
      const options = { worker: 0, until: fleet.path('never'), log };
      const first = { ...MEAN, workers: 2, steps: 2, quorum: 1, deadlineMs: 800, options };
      const second = { ...MEAN, workers: 2, steps: 2, options: { log } };
      const result = await done(fleet, 'abort', [first, second]);
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
      const { rounds } = await done(fleet, id, [
        { ...MEAN, workers: 3, steps: 1, quorum: 2, options },
      ]);
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
      await expect(done(fleet, 'quorum', rounds)).rejects.toThrow(
        expect.objectContaining({
          code: 'ERR_ROUND',
          message: expect.stringMatching(
            /round 0 has 1 of 2 .* worker 1 \(.*NaN .* "w".*Start the run again/,
          ) as string,
        }),
      );
      await fleet.release(gate);
      const result = await done(fleet, 'quorum', rounds);
      expect(valuesOf(result.weights)).toEqual(valuesOf(await reference(rounds)));
      const lines = await fleet.lines(log);
      expect(lines.filter((line) => line.startsWith('train 0/0'))).toHaveLength(1);
    });

    it('fail at the deadline without a quorum', async () => {
      const gate = fleet.path('deadline');
      const options = { worker: 1, until: gate };
      const rounds = [{ ...MEAN, workers: 2, steps: 2, deadlineMs: 500, options }];
      await expect(done(fleet, 'deadline', rounds)).rejects.toThrow(
        /worker 1 \(has not contributed by the deadline\)/,
      );
      await fleet.release(gate);
      const result = await done(fleet, 'deadline', rounds);
      expect(valuesOf(result.weights)).toEqual(valuesOf(await reference(rounds)));
    });

    it('are cancelled: workers stop, and nothing is left but records', async () => {
      const log = fleet.path('cancel.log');
      const options = { until: fleet.path('never'), log };
      const first = { ...MEAN, workers: 3, steps: 2 };
      const rounds = [first, { ...MEAN, workers: 5, steps: 2, options }];
      const run = await start(fleet, 'cancel', rounds);
      await until(async () => (await fleet.lines(log)).length === 3);
      await run.cancel();
      await expect(run.wait()).rejects.toThrow(/"cancel" was cancelled\. Start another one/);
      await expect(start(fleet, 'cancel', rounds)).rejects.toThrow(
        expect.objectContaining({
          code: 'ERR_ROUND',
          message: 'startRun: the run "cancel" was cancelled. Choose another id.',
        }),
      );
      await until(async () => (await openJobs(fleet)).length === 0);
      expect((await fleet.lines(log)).filter((line) => line.startsWith('aborted'))).toHaveLength(3);
      const kept = await keptKeys(fleet, 'cancel', { rounds: 1 });
      const cancelled = `${await folderOf(fleet, 'cancel')}rounds/1/end.json`;
      await expectObjects(fleet, 'cancel', [...kept.slice(0, -1), cancelled, ...kept.slice(-1)]);
      // Too late for one that has ended.
      const ended = await start(fleet, 'uncancelled', [first]);
      const { weights } = await ended.wait();
      await ended.cancel();
      expect((await ended.wait()).weights).toEqual(weights);
    });

    it('are attached to when they are started twice, unless they differ', async () => {
      const rounds = localSgd({ rounds: 1, workers: 2, steps: 1 });
      const options: RunOptions = { id: 'twice', rounds, weights: WEIGHTS };
      const [one, two] = await Promise.all([
        startRun(fleet.at, options),
        startRun(fleet.at, options),
      ]);
      const results = await Promise.all([one.wait(), two.wait()]);
      expect(results[0]).toEqual(results[1]);
      expect(await (await startRun(fleet.at, options)).wait()).toEqual(results[0]);
    });

    it.each([
      ['seed', { seed: 1 }],
      ['rounds', { rounds: localSgd({ rounds: 2, workers: 2, steps: 1 }) }],
      ['keepAll', { keepAll: true }],
      ['weights', { weights: { ...WEIGHTS, b: { ...WEIGHTS.b, data: Float64Array.of(2) } } }],
    ])('of two with other %s that are started at once, one is refused', async (what, others) => {
      const id = `other-${what}`;
      const rounds = localSgd({ rounds: 1, workers: 2, steps: 1 });
      const options: RunOptions = { id, rounds, weights: WEIGHTS };
      const both = [options, { ...options, ...others }];
      const settled = await Promise.allSettled(both.map((each) => startRun(fleet.at, each)));
      const refused = settled.flatMap((each) =>
        each.status === 'rejected' ? [each.reason as unknown] : [],
      );
      const message = `another run "${id}", which differs in: ${what}. Choose another id.`;
      expect(refused).toEqual([
        expect.objectContaining({
          code: 'ERR_EXISTS',
          message: expect.stringContaining(message) as string,
        }),
      ]);
      for (const each of settled) if (each.status === 'fulfilled') await each.value.wait();
    });

    it('fail where an object in the store has changed, with an error that names it', async () => {
      const gate = fleet.path('changed');
      const options = { worker: 1, until: gate };
      const run = await start(fleet, 'changed', [{ ...MEAN, workers: 2, steps: 1, options }]);
      const folder = `${await folderOf(fleet, 'changed')}rounds/0/contributions/`;
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
      const first = await done(fleet, 'again', rounds);
      const old = await firstJob(fleet, 'again');
      await fleet.store.remove('runs/again/');
      expect((await done(fleet, 'again', rounds)).weights).toEqual(first.weights);
      const job = await fleet.training.add('train', old);
      await until(async () => (await fleet.training.getJobState(job.id ?? '')) === 'failed');
      const { failedReason } = (await fleet.training.getJob(job.id ?? '')) ?? {};
      expect(failedReason).toContain('does not have the run "again" that this job belongs to');
      await job.remove();
    });

    it('are not started where the plan, the id or the weights are wrong', async () => {
      const plan: RoundPlan = { ...MEAN, workers: 2, steps: 1 };
      const half = { w: { dtype: 'float16', shape: [1], data: Uint16Array.of(0) } } as const;
      const by = (combine: unknown): Partial<RunOptions> => ({
        rounds: [{ ...plan, combine } as RoundPlan],
      });
      const outer = { kind: 'outer', lr: 1, momentum: 0, nesterov: true };
      const wrong: readonly (readonly [Partial<RunOptions>, string])[] = [
        [by(undefined), 'round 0: combine is undefined, expected { kind }, which is one of "mean"'],
        [by({ kind: 'sum' }), 'round 0: combine.kind is "sum", expected one of "mean", "outer"'],
        [by({ kind: 'mean', lr: 1 }), 'round 0: combine: there is no option "lr"'],
        [by({ ...outer, nestrov: true }), 'round 0: combine: there is no option "nestrov"'],
        [by({ ...outer, nesterov: 'false' }), 'combine.nesterov is "false", expected a boolean'],
        [by({ ...outer, nesterov: undefined }), 'combine.nesterov is undefined'],
        [{ rounds: [{ ...plan, bnUpdate: 1 } as unknown as RoundPlan] }, 'bnUpdate is 1'],
        [{ rounds: [null as unknown as RoundPlan] }, 'round 0: the options are null'],
        [{ rounds: {} as RoundPlan[] }, 'rounds is {}, expected a list of rounds'],
        [{ keepAll: 'no' as unknown as boolean }, 'keepAll is "no", expected a boolean'],
        [{ weights: undefined as unknown as RunOptions['weights'] }, 'weights is undefined'],
        [{ id: '../x' }, 'the id is "../x"'],
        [{ rounds: [] }, 'there are no rounds'],
        [{ seed: NaN }, 'the seed is NaN'],
        [{ keepall: true } as Partial<RunOptions>, 'keepall'],
        [{ rounds: [{ ...plan, deadline: 5 } as RoundPlan] }, 'there is no option "deadline"'],
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
        await expect(startRun(fleet.at, whole)).rejects.toThrow(message);
      }
      expect(await fleet.store.list('runs/wrong/')).toEqual([]);
      const whole: RunOptions = { id: 'wrong', rounds: [plan], weights: WEIGHTS };
      const misspelt = { ...fleet.at, uri: fleet.url };
      await expect(startRun(misspelt, whole)).rejects.toThrow('there is no option "uri"');
    });

    it('are not waited for with options that are unknown or of a wrong type', async () => {
      const run = await start(fleet, 'waited', [{ ...MEAN, workers: 1, steps: 1 }]);
      const wrong: readonly (readonly [object, string])[] = [
        [{ onProgres: () => undefined }, 'wait: there is no option "onProgres"'],
        [{ onProgress: true }, 'wait: onProgress is true, expected a function'],
        [{ onWarning: 'no' }, 'wait: onWarning is "no", expected a function'],
        [{ signal: new AbortController() }, 'wait: the signal'],
      ];
      for (const [options, message] of wrong) {
        await expect(run.wait(options)).rejects.toThrow(message);
      }
      await run.wait();
    });
  });
});
