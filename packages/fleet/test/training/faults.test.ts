// What goes wrong in a module, and in what its contributions make: each error says where.
import { readFileSync } from 'node:fs';
import { diloco, startWorker, sweepSoup } from '@polyak/fleet';
import type { RoundPlan, Settings } from '@polyak/fleet';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NO_REDIS } from '../../../../tests/support/redis.js';
import { killed, startFleet, until } from './support/fleet.js';
import type { TestFleet } from './support/fleet.js';
import { done, MEAN, start } from './support/runs.js';

const MODULE = new URL('support/failing.mjs', import.meta.url);

/** The place of the first line of the module with this text. */
function placeOf(text: string): string {
  const lines = readFileSync(MODULE, 'utf8').split('\n');
  return `${MODULE.href}:${lines.findIndex((line) => line.includes(text)) + 1}:`;
}

describe.skipIf(NO_REDIS !== undefined)('a fault', () => {
  let fleet: TestFleet;
  beforeAll(async () => {
    fleet = await startFleet(1, { module: MODULE });
  }, 60_000);
  afterAll(async () => {
    await fleet.stop();
  });

  const faults: readonly (readonly [string, string])[] = [
    ['null', `train: Cannot read properties of null (reading 'data') (${placeOf('null.data')}`],
    ['undefined', 'train: threw undefined'],
    ['text', 'train: threw "no GPU"'],
    ['later', `train: Cannot read properties of null (reading 'later') (${placeOf('null.later')}`],
    ['rejected', `train: not awaited (${placeOf('not awaited')}`],
    ['exit', 'the process of the module ended by itself (exit code 0) in train'],
    ['kill', 'the process of the module was ended by SIGKILL in train'],
    ['nothing', 'train returned undefined, expected { weights, samples }'],
    ['stat', 'train returned an unknown "stat". Return { weights, state, samples, metrics } only'],
    ['metric', 'train returned an unknown "metric"'],
    ['metrics', 'train: metrics is 5, expected an object of numbers'],
    ['loss', 'train: the metric "loss" is "1", expected a number'],
    ['state', 'train: the state cannot be kept: "step" is of type function'],
    ['samples', 'train: samples is "3", expected a number above 0'],
    ['tiny', 'train: samples is 5e-324, expected a number above 0'],
    ['weights', 'train: the weights do not fit: it lacks "b"'],
  ];

  it('of a worker is told in the record, with its place in the module', async () => {
    const options: readonly Settings[] = [{}, ...faults.map(([fault]) => ({ fault }))];
    const plan = { ...MEAN, workers: options.length, steps: 1, quorum: 1, options };
    const { rounds } = await done(fleet, 'faults', [plan]);
    const { members, absent = [] } = rounds[0]?.record ?? {};
    expect(members?.map(({ worker }) => worker)).toEqual([0]);
    const reasons = absent.map(({ worker, reason }) => [options[worker]?.['fault'], reason]);
    expect(reasons).toEqual(
      faults.map(([fault, text]) => [fault, expect.stringContaining(text) as string]),
    );
    const warnings = (await fleet.lines(fleet.path('warnings'))).join('\n');
    for (const [index, [, text]] of faults.entries()) {
      expect(warnings).toContain(`run "faults", round 0, worker ${index + 1}: `);
      expect(warnings).toContain(text);
    }
    // What a module returned is not asked for again.
    const tries = warnings.split('\n').filter((line) => line.includes('unknown "stat"'));
    expect(tries).toHaveLength(1);
  }, 120_000);

  it('of a worker is what a run without its quorum fails with', async () => {
    const options = [{ fault: 'nothing' }, {}];
    const run = await start(fleet, 'quorum', [{ ...MEAN, workers: 2, steps: 1, options }]);
    const message = [
      /^wait: run "quorum": round 0 has [01] of 2 contributions; its quorum is 2\. /,
      /Missing: worker 0 \(train returned undefined, expected \{ weights, samples \}\)/,
      /(, worker 1 \(was not done yet\))?\. /,
      /Start the run again to try this round once more\.$/,
    ];
    await expect(run.wait()).rejects.toThrow(
      new RegExp(message.map(({ source }) => source).join('')),
    );
    await run.cancel();
  });

  const one = { ...MEAN, workers: 1, steps: 1 };
  const large = { rounds: 2, workers: 2, steps: 1, options: { w: 3e38 } };
  const both = { b: 1.7e308 };
  const combined: readonly (readonly [string, readonly RoundPlan[], string])[] = [
    ['an outer step', diloco({ ...large, rounds: 1 }), 'the outer step of "w" overflows float32'],
    ['momentum', diloco({ ...large, lr: 1e-6 }), 'the momentum of "w" overflows float32'],
    ['a mean', [{ ...one, workers: 2, options: both }], 'the mean of "b" overflows float64'],
    ['a soup', sweepSoup({ steps: 1, options: [both, both] }), '"b" overflows float64'],
    ['bnUpdate', [{ ...one, bnUpdate: true }], 'bnUpdate: NaN or an infinity in "w"'],
    [
      'bnUpdate-that-throws',
      [{ ...one, bnUpdate: true, options: { bnFault: 'throw' } }],
      `bnUpdate: no batches (${placeOf('no batches')}`,
    ],
    [
      'evaluate-that-throws',
      sweepSoup({ steps: 1, options: [{ scoreFault: 'throw' }] }),
      `evaluate: no held-out data (${placeOf('no held-out')}`,
    ],
  ];

  it.each(combined)('of %s ends the run, with its round', { timeout: 30_000 }, async (...args) => {
    const [what, rounds, message] = args;
    const id = what.replaceAll(' ', '-');
    const run = await start(fleet, id, rounds);
    const error = await run.wait().then(
      () => undefined,
      (reason: unknown) => (reason as Error).message,
    );
    const failed = rounds.length - 1;
    expect(error).toContain(`wait: run "${id}": round ${failed} could not be combined (`);
    expect(error).toContain(message);
    expect(error).toMatch(/[^.]\)\. Start the run again to try once more\.$/);
    await run.cancel();
  });

  it('of no worker that trains is said to who waits', async () => {
    for (const worker of fleet.workers) await killed(worker);
    const run = await start(fleet, 'workerless', [one]);
    const warnings: string[] = [];
    const waited = run.wait({ onWarning: (text) => warnings.push(text) });
    await until(() => warnings.length === 1);
    const merging = await startWorker(fleet.at);
    await until(() => warnings.length === 2);
    await fleet.startWorker();
    expect((await waited).rounds).toHaveLength(1);
    expect(warnings).toEqual([
      'no worker is connected: the run waits until one is started.',
      'no worker with a module is connected: the run waits until one is started.',
    ]);
    await merging.close();
  }, 60_000);
});
