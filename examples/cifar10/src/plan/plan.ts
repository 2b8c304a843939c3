// All legs of a seed: one trunk at a constant rate, and the endings that go on from it.
import type { Leg, Observer, Rates } from './leg.js';

/** The parts of the largest budget that endings are trained for, too. */
const BUDGETS = [1, 0.6, 0.4, 0.2];
/** The parts of a budget after which averages begin. */
export const STARTS: readonly number[] = [0.5, 0.6, 0.75, 0.9];
/** The final rates of SWA, as parts of the trunk's rate, which is the third of them. */
const SWA_RATES = [0.5, 0.2];

/** What decides the legs. */
interface PlanOptions {
  /** The largest budget, a multiple of 20. */
  readonly epochs: number;
  /** The trunk's rate. */
  readonly initialRate: number;
  /** The steps from one update of a SWA average to the next. */
  readonly averageEvery: number;
}

/** All budgets in epochs, the largest first. */
export function budgetsOf(epochs: number): readonly number[] {
  return BUDGETS.map((part) => Math.round(part * epochs));
}

/**
 * The legs of a seed, those of most worth first.
 *
 * @param options - see {@link PlanOptions}
 */
export function legsOf({ epochs, initialRate, averageEvery }: PlanOptions): readonly Leg[] {
  const equals = (prefix: string, budget: number): readonly Observer[] =>
    STARTS.map((start) => ({
      name: `${prefix}-from-${Math.round(100 * start)}`,
      averages: { swa: { kind: 'equal' } },
      from: start * budget,
      every: averageEvery,
      keptAfter: [budget],
      isScored: prefix === 'swa' && start === 0.5,
    }));
  const budgets = budgetsOf(epochs);
  const trunk: Leg = {
    name: 'trunk',
    lastEpoch: epochs,
    rates: { kind: 'constant' },
    observers: [
      exponentials(budgets.toReversed()),
      ...budgets.flatMap((budget) => equals(`swa-${budget}`, budget)),
    ],
    branches: budgets.map((budget) => budget / 2),
  };
  const ending = (
    name: string,
    budget: number,
    rates: Rates,
    observers: readonly Observer[],
  ): Leg => ({
    name: `${name}-${budget}`,
    after: { leg: trunk, epoch: budget / 2 },
    lastEpoch: budget,
    rates,
    observers,
    branches: [],
  });
  const annealed = (budget: number): Leg => {
    const rates: Rates = { kind: 'paper', finalRate: 0.01 * initialRate };
    return ending('sgd', budget, rates, [exponentials([budget])]);
  };
  const averaged = (budget: number, part: number): Leg => {
    const finalRate = Number((part * initialRate).toPrecision(6));
    const observers = equals('swa', budget);
    return ending(`swa-${finalRate}`, budget, { kind: 'paper', finalRate }, observers);
  };
  const [first = 1, second = 1] = SWA_RATES;
  const sgd = { ...annealed(epochs), branches: [0.75 * epochs] };
  const triangles = (cycleEpochs: number): Leg => ({
    name: `fge-${cycleEpochs}-${epochs}`,
    after: { leg: sgd, epoch: 0.75 * epochs },
    lastEpoch: epochs,
    // The rates of Garipov et al. 2018, relative to the first rate.
    rates: {
      kind: 'triangles',
      highest: 0.5 * initialRate,
      lowest: 0.005 * initialRate,
      cycleEpochs,
    },
    observers: [],
    branches: [],
  });
  return [
    sgd,
    averaged(epochs, first),
    trunk,
    ending('cosines', epochs, { kind: 'cosines', cycleEpochs: epochs / 10 }, []),
    triangles(4),
    averaged(epochs, second),
    ...budgets
      .slice(1)
      .flatMap((budget) => [annealed(budget), averaged(budget, first), averaged(budget, second)]),
    triangles(2),
  ];
}

/** Exponential averages over all steps from the first on. */
function exponentials(keptAfter: readonly number[]): Observer {
  return {
    name: 'ema',
    averages: {
      'ema-0.99': { kind: 'exponential', decay: 0.99 },
      'ema-0.999': { kind: 'exponential', decay: 0.999 },
      'ema-0.999-warm-up': { kind: 'rational-warm-up', decay: 0.999 },
    },
    from: 0,
    every: 1,
    keptAfter,
    isScored: false,
  };
}
