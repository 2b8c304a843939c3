// Checks the rounds of a run, before they are written down.
import { isDeepStrictEqual } from 'node:util';
import { requireOptions } from '@polyak/core/kit';
import type { Settings } from './module.js';
import type { Combine, RoundPlan } from './round-plan.js';
import { shown } from './shown.js';

const KEYS = [
  'workers',
  'steps',
  'quorum',
  'deadlineMs',
  'weighting',
  'combine',
  'bnUpdate',
  'state',
  'options',
];

const COMBINE_KEYS: ReadonlyMap<unknown, readonly string[]> = new Map([
  ['mean', ['kind']],
  ['outer', ['kind', 'lr', 'momentum', 'nesterov']],
  ['greedy-soup', ['kind']],
]);

/**
 * Throws unless all rounds can be done.
 *
 * @returns the rounds, without options that are undefined
 * @throws RangeError or TypeError that names the round and what is wrong
 */
export function requireRounds(call: string, rounds: readonly RoundPlan[]): readonly RoundPlan[] {
  if (!Array.isArray(rounds)) {
    throw new TypeError(`${call}: rounds is ${shown(rounds)}, expected a list of rounds.`);
  }
  if (rounds.length === 0) throw new RangeError(`${call}: there are no rounds.`);
  return rounds.map((given: RoundPlan, index) => {
    const what = `${call}: round ${index}`;
    const plan = requireOptions(what, given, KEYS);
    const flaw = flawOf(plan);
    if (flaw !== undefined) throw new RangeError(`${what}: ${flaw}.`);
    return { ...plan, combine: requireCombine(what, plan.combine) };
  });
}

function flawOf(plan: RoundPlan): string | undefined {
  const { workers, steps, quorum = workers, deadlineMs = 1, weighting } = plan;
  const { state = 'kept', bnUpdate = false, options = {} } = plan;
  if (!isCount(workers)) return found('workers', workers, 'an integer from 1 on');
  if (!isCount(steps)) return found('steps', steps, 'an integer from 1 on');
  if (!isCount(quorum) || quorum > workers) {
    return found('quorum', quorum, `an integer from 1 to the ${workers} workers`);
  }
  if (!(Number.isFinite(deadlineMs) && deadlineMs > 0)) {
    return found('deadlineMs', deadlineMs, 'a finite number above 0');
  }
  if (weighting !== 'samples' && weighting !== 'uniform') {
    return found('weighting', weighting, '"samples" or "uniform"');
  }
  if (state !== 'kept' && state !== 'fresh') return found('state', state, '"kept" or "fresh"');
  if (typeof bnUpdate !== 'boolean') return found('bnUpdate', bnUpdate, 'a boolean');
  return settingsFlawOf(options, workers);
}

function settingsFlawOf(
  options: Settings | readonly Settings[],
  workers: number,
): string | undefined {
  const each: unknown = options;
  if (Array.isArray(each) && each.length !== workers) {
    return `there are options for ${each.length} workers of ${workers}`;
  }
  const odd = (Array.isArray(each) ? each : [each]).find((value) => !isRecord(value));
  if (odd !== undefined) return found('options', odd, 'an object of settings');
  return isJson(options) ? undefined : 'the options are not plain JSON';
}

function requireCombine(what: string, given: Combine): Combine {
  const keys = COMBINE_KEYS.get(isRecord(given) ? given.kind : undefined);
  if (keys === undefined) {
    const kinds = [...COMBINE_KEYS.keys()].map((kind) => shown(kind)).join(', ');
    const flaw = isRecord(given)
      ? found('combine.kind', given.kind, `one of ${kinds}`)
      : found('combine', given, `{ kind }, which is one of ${kinds}`);
    throw new RangeError(`${what}: ${flaw}.`);
  }
  const combine = requireOptions(`${what}: combine`, given, keys);
  const flaw = combine.kind === 'outer' ? outerFlawOf(combine) : undefined;
  if (flaw !== undefined) throw new RangeError(`${what}: ${flaw}.`);
  return combine;
}

function outerFlawOf({
  lr,
  momentum,
  nesterov,
}: Extract<Combine, { kind: 'outer' }>): string | undefined {
  if (!(Number.isFinite(lr) && lr > 0)) return found('combine.lr', lr, 'a finite number above 0');
  if (!(typeof momentum === 'number' && momentum >= 0 && momentum < 1)) {
    return found('combine.momentum', momentum, 'a number in [0, 1)');
  }
  if (typeof nesterov !== 'boolean') return found('combine.nesterov', nesterov, 'a boolean');
  return undefined;
}

function found(what: string, value: unknown, expected: string): string {
  return `${what} is ${shown(value)}, expected ${expected}`;
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value > 0;
}

function isRecord(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isJson(value: unknown): boolean {
  try {
    return isDeepStrictEqual(JSON.parse(JSON.stringify(value)), value);
  } catch {
    // A BigInt, or an object that contains itself.
    return false;
  }
}
