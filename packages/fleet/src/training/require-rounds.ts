// Checks the rounds of a run, before they are written down.
import { isDeepStrictEqual } from 'node:util';
import type { RoundPlan } from './plan.js';

const KEYS: ReadonlySet<string> = new Set(
  'workers steps quorum deadlineMs weighting combine bnUpdate state options'.split(' '),
);

/**
 * Throws unless all rounds can be done.
 *
 * @throws RangeError that names the round and what is wrong
 */
export function requireRounds(call: string, rounds: readonly RoundPlan[]): void {
  if (rounds.length === 0) throw new RangeError(`${call}: there are no rounds.`);
  for (const [index, plan] of rounds.entries()) {
    const flaw = flawOf(plan);
    if (flaw !== undefined) throw new RangeError(`${call}: round ${index}: ${flaw}.`);
  }
}

function flawOf(plan: RoundPlan): string | undefined {
  const { workers, steps, quorum = workers, deadlineMs = 1, weighting, combine } = plan;
  const { state = 'kept', options = {} } = plan;
  const unknown = Object.keys(plan).find((key) => !KEYS.has(key));
  if (unknown !== undefined) return `there is no option "${unknown}"`;
  const found = (what: string, value: unknown, expected: string): string =>
    `${what} is ${JSON.stringify(value)}, expected ${expected}`;
  if (!isCount(workers)) return found('workers', workers, 'an integer from 1 on');
  if (!isCount(steps)) return found('steps', steps, 'an integer from 1 on');
  if (!isCount(quorum) || quorum > workers) {
    return found('quorum', quorum, `an integer from 1 to the ${workers} workers`);
  }
  if (!(deadlineMs > 0 && deadlineMs < Infinity)) {
    return found('deadlineMs', deadlineMs, 'a finite number above 0');
  }
  if (weighting !== 'samples' && weighting !== 'uniform') {
    return found('weighting', weighting, '"samples" or "uniform"');
  }
  if (state !== 'kept' && state !== 'fresh') return found('state', state, '"kept" or "fresh"');
  if (!['mean', 'outer', 'greedy-soup'].includes(combine.kind)) {
    return found('combine.kind', combine.kind, '"mean", "outer" or "greedy-soup"');
  }
  if (combine.kind === 'outer') {
    const { lr, momentum } = combine;
    if (!(lr > 0 && lr < Infinity)) return found('combine.lr', lr, 'a finite number above 0');
    if (!(momentum >= 0 && momentum < 1)) {
      return found('combine.momentum', momentum, 'a number in [0, 1)');
    }
  }
  const each: unknown = options;
  if (Array.isArray(each) && each.length !== workers) {
    return `there are options for ${each.length} workers of ${workers}`;
  }
  const json: unknown = JSON.parse(JSON.stringify(options));
  return isDeepStrictEqual(json, options) ? undefined : 'the options are not plain JSON';
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value > 0;
}
