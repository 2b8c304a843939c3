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
