import { diloco, localSgd, swap, sweepSoup } from '@polyak/fleet';
import { describe, expect, it } from 'vitest';

describe('the rounds of', () => {
  it('local SGD are alike, with the mean by samples', () => {
    const rounds = localSgd({ rounds: 3, workers: 4, steps: 50, quorum: 3, deadlineMs: 1000 });
    expect(rounds).toHaveLength(3);
    expect(new Set(rounds.map((round) => JSON.stringify(round))).size).toBe(1);
    expect(rounds[0]).toEqual({
      workers: 4,
      steps: 50,
      quorum: 3,
      deadlineMs: 1000,
      weighting: 'samples',
      combine: { kind: 'mean' },
    });
    expect(() => localSgd({ rounds: 0, workers: 1, steps: 1 })).toThrow(RangeError);
  });

  it('DiLoCo have the outer optimizer of the paper, unless told otherwise', () => {
    const options = { rounds: 1, workers: 8, steps: 500 };
    expect(diloco(options)).toEqual([
      {
        workers: 8,
        steps: 500,
        weighting: 'uniform',
        combine: { kind: 'outer', lr: 0.7, momentum: 0.9, nesterov: true },
      },
    ]);
    const [round] = diloco({ ...options, lr: 1, momentum: 0, nesterov: false });
    expect(round?.combine).toEqual({ kind: 'outer', lr: 1, momentum: 0, nesterov: false });
  });

  it('SWAP are one worker, then several with a quorum and the batch-norm update', () => {
    const rounds = swap({
      together: { steps: 100, options: { batchSize: 4096 } },
      apart: { workers: 8, steps: 20, options: { batchSize: 512 } },
      quorum: 6,
      deadlineMs: 60_000,
    });
    const both = { weighting: 'uniform', combine: { kind: 'mean' }, state: 'fresh' };
    const quorum = { quorum: 6, deadlineMs: 60_000, bnUpdate: true };
    expect(rounds).toEqual([
      { ...both, workers: 1, steps: 100, options: { batchSize: 4096 } },
      { ...both, ...quorum, workers: 8, steps: 20, options: { batchSize: 512 } },
    ]);
  });

  it('a sweep are one, with a worker for each of its settings', () => {
    const options = [{ lr: 0.1 }, { lr: 0.01 }];
    expect(sweepSoup({ steps: 10, options, quorum: 1 })).toEqual([
      {
        workers: 2,
        steps: 10,
        options,
        quorum: 1,
        weighting: 'uniform',
        combine: { kind: 'greedy-soup' },
      },
    ]);
  });
});

describe('what is not a plan is refused by name', () => {
  const base = { rounds: 1, workers: 2, steps: 1 };
  const phases = { together: { steps: 1 }, apart: { workers: 2, steps: 1 } };
  const sweep = { steps: 1, options: [{}] };
  // As callers without types may have them.
  const cases: readonly (readonly [(options: never) => unknown, object, string])[] = [
    [localSgd, { ...base, worker: 2 }, 'localSgd: there is no option "worker"'],
    [localSgd, { ...base, nesterov: true }, 'localSgd: there is no option "nesterov"'],
    [localSgd, { ...base, steps: '1' }, 'localSgd: round 0: steps is "1", expected an integer'],
    [localSgd, { ...base, rounds: NaN }, 'localSgd: rounds is NaN, expected an integer'],
    [localSgd, { ...base, workers: NaN }, 'workers is NaN, expected an integer'],
    [localSgd, { ...base, deadlineMs: '5' }, 'deadlineMs is "5", expected a finite number'],
    [localSgd, { ...base, options: 5 }, 'options is 5, expected an object of settings'],
    [localSgd, { ...base, options: [{}, null] }, 'options is null, expected an object'],
    [localSgd, { ...base, options: { step: 1n } }, 'the options are not plain JSON'],
    [diloco, { ...base, nestrov: true }, 'diloco: there is no option "nestrov"'],
    [diloco, { ...base, nesterov: 'false' }, 'combine.nesterov is "false", expected a boolean'],
    [diloco, { ...base, lr: '0.7' }, 'combine.lr is "0.7", expected a finite number above 0'],
    [diloco, { ...base, momentum: 1 }, 'combine.momentum is 1, expected a number in [0, 1)'],
    [swap, { ...phases, workers: 2 }, 'swap: there is no option "workers"'],
    [swap, { ...phases, bnUpdate: 'false' }, 'bnUpdate is "false", expected a boolean'],
    [swap, { apart: phases.apart }, 'swap: together: the options are undefined'],
    [swap, { ...phases, apart: { ...phases.apart, lr: 1 } }, 'apart: there is no option "lr"'],
    [sweepSoup, { ...sweep, workers: 1 }, 'sweepSoup: there is no option "workers"'],
    [sweepSoup, { ...sweep, options: {} }, 'sweepSoup: options is {}, expected a list'],
    [sweepSoup, { ...sweep, options: [] }, 'sweepSoup: options is [], expected a list'],
    [sweepSoup, { ...sweep, quorum: 2 }, 'quorum is 2, expected an integer from 1 to the 1 worker'],
  ];
  it.each(cases.map((each) => [each[2], ...each] as const))(
    '%s',
    (_title, make, options, message) => {
      expect(() => make(options as never)).toThrow(message);
    },
  );
});
