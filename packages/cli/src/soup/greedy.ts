// The greedy soup (Wortsman et al. 2022, https://arxiv.org/abs/2203.05482, recipe 1) of checkpoints
// that are known by their place only.

/** One evaluation. */
export interface Trial {
  /** The places of the checkpoints whose mean was scored. */
  readonly members: readonly number[];
  readonly score: number;
  /** Whether the soup went on with these. */
  readonly kept: boolean;
}

/** The soup that scores best. */
export interface Greedy {
  /** The places of its members, the best first. */
  readonly members: readonly number[];
  readonly score: number;
}

/**
 * Scores each checkpoint alone. Begins with the best, and adds the others in the order of their
 * scores; each stays if the soup does not score worse than before.
 *
 * @param count - the number of checkpoints
 * @param better - which scores are better
 * @param evaluate - the score of the mean of the checkpoints at these places
 * @param onTrial - called after each evaluation
 */
export async function greedySoup(
  count: number,
  better: 'higher' | 'lower',
  evaluate: (members: readonly number[]) => Promise<number>,
  onTrial: (trial: Trial) => void,
): Promise<Greedy> {
  const sign = better === 'higher' ? 1 : -1;
  const alone: { readonly place: number; readonly score: number }[] = [];
  for (let place = 0; place < count; place += 1) {
    const score = await evaluate([place]);
    alone.push({ place, score });
    onTrial({ members: [place], score, kept: true });
  }
  // Sorting is stable: of equal scores the earlier checkpoint comes first.
  alone.sort((a, b) => sign * (b.score - a.score));
  const [first, ...others] = alone;
  if (first === undefined) throw new RangeError('greedySoup: there are no checkpoints.');
  let best: Greedy = { members: [first.place], score: first.score };
  for (const { place } of others) {
    const members = [...best.members, place];
    const score = await evaluate(members);
    const kept = sign * (score - best.score) >= 0;
    onTrial({ members, score, kept });
    if (kept) best = { members, score };
  }
  return best;
}
