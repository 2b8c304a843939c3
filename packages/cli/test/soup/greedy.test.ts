import { describe, expect, it } from 'vitest';
import type { Trial } from '#soup/greedy';
import { greedySoup } from '#soup/greedy';

// The score of a soup is the mean of these, less 2 for each pair of neighbours.
const VALUES = [3, 9, 5, 8, 1];
const score = (members: readonly number[]): Promise<number> => {
  const mean = members.reduce((sum, place) => sum + (VALUES[place] ?? NaN), 0) / members.length;
  const pairs = members.filter((place) => members.includes(place + 1)).length;
  return Promise.resolve(members.length - 2 * pairs + mean / 100);
};

describe('greedySoup', () => {
  it('adds in the order of the scores what does not make it worse', async () => {
    const trials: Trial[] = [];
    const soup = await greedySoup(5, 'higher', score, (trial) => trials.push(trial));
    expect(soup).toEqual({ members: [1, 3], score: 2.085 });
    expect(trials.slice(0, 5).map(({ members }) => members)).toEqual([[0], [1], [2], [3], [4]]);
    expect(trials.slice(5).map(({ members, kept }) => [...members, kept])).toEqual([
      [1, 3, true],
      [1, 3, 2, false],
      [1, 3, 0, false],
      [1, 3, 4, false],
    ]);
  });

  it('takes lower scores for better ones', async () => {
    const loss = async (members: readonly number[]): Promise<number> => -(await score(members));
    const soup = await greedySoup(5, 'lower', loss, () => undefined);
    expect(soup).toEqual({ members: [1, 3], score: -2.085 });
  });

  it('keeps a checkpoint that changes nothing', async () => {
    const soup = await greedySoup(
      3,
      'higher',
      () => Promise.resolve(1),
      () => undefined,
    );
    expect(soup).toEqual({ members: [0, 1, 2], score: 1 });
  });
});
