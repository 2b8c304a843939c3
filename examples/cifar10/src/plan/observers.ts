// The averages that go along with legs.
import type { Observer } from './leg.js';

/** The parts of a budget after which averages begin. */
export const STARTS: readonly number[] = [0.5, 0.6, 0.75, 0.9];

/** Equal averages, one for each start. Those of a leg of their own are scored from the first on. */
export function equals(prefix: string, budget: number, every: number): readonly Observer[] {
  return STARTS.map((start) => ({
    name: `${prefix}-from-${Math.round(100 * start)}`,
    averages: { swa: { kind: 'equal' } },
    from: start * budget,
    every,
    keptAfter: [budget],
    isScored: prefix === 'swa' && start === 0.5,
  }));
}

/** Exponential averages over all steps from the first on. */
export function exponentials(keptAfter: readonly number[]): Observer {
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
