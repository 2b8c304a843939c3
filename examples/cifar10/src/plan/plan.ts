// All legs of a seed: one trunk at a constant rate, and the endings that go on from it.
import type { Leg, Rates } from './leg.js';
import { equals, exponentials } from './observers.js';

/** The parts of the largest budget that endings are trained for, too. */
const BUDGETS = [1, 0.6, 0.4, 0.2];

/** What decides the legs. */
interface PlanOptions {
  /** The largest budget, a multiple of 20. */
  readonly epochs: number;
  /** The trunk's rate. The others are parts of it. */
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
  const trunk = trunkOf(budgetsOf(epochs), averageEvery);
  const partOf = (part: number): number => Number((part * initialRate).toPrecision(6));
  const sgd = (budget: number): Leg => ({
    ...ending(trunk, 'sgd', budget, { kind: 'paper', finalRate: partOf(0.01) }),
    observers: [exponentials([budget])],
  });
  const swa = (budget: number, part: number): Leg => {
    const finalRate = partOf(part);
    return {
      ...ending(trunk, `swa-${finalRate}`, budget, { kind: 'paper', finalRate }),
      observers: equals('swa', budget, averageEvery),
    };
  };
  // FGE goes on from a run that has annealed for a while, with the rates of Garipov et al. 2018.
  const annealed = { ...sgd(epochs), branches: [0.75 * epochs] };
  const fge = (cycleEpochs: number): Leg => ({
    name: `fge-${cycleEpochs}-${epochs}`,
    after: { leg: annealed, epoch: 0.75 * epochs },
    lastEpoch: epochs,
    rates: { kind: 'triangles', highest: partOf(0.5), lowest: partOf(0.005), cycleEpochs },
    observers: [],
    branches: [],
  });
  const smaller = budgetsOf(epochs).slice(1);
  return [
    annealed,
    swa(epochs, 0.5),
    trunk,
    ending(trunk, 'cosines', epochs, { kind: 'cosines', cycleEpochs: epochs / 10 }),
    fge(4),
    swa(epochs, 0.2),
    ...smaller.flatMap((budget) => [sgd(budget), swa(budget, 0.5), swa(budget, 0.2)]),
    fge(2),
  ];
}

/** The run at a constant rate: with averages, for each budget, a run of its own. */
function trunkOf(budgets: readonly number[], averageEvery: number): Leg {
  return {
    name: 'trunk',
    lastEpoch: Math.max(...budgets),
    rates: { kind: 'constant' },
    observers: [
      exponentials(budgets.toReversed()),
      ...budgets.flatMap((budget) => equals(`swa-${budget}`, budget, averageEvery)),
    ],
    branches: budgets.map((budget) => budget / 2),
  };
}

/** A leg that goes on from the trunk at half of its budget. */
function ending(trunk: Leg, kind: string, budget: number, rates: Rates): Leg {
  return {
    name: `${kind}-${budget}`,
    after: { leg: trunk, epoch: budget / 2 },
    lastEpoch: budget,
    rates,
    observers: [],
    branches: [],
  };
}
