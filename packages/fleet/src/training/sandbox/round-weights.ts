// What the module gets in a round, and what it may return.
import type { NamedTensors } from '@polyak/core';
import { canonical, flawOf, isTensor, readState, recordOf } from '@polyak/core/interfaces';
import type { HostTensor, TensorSpec } from '@polyak/core/interfaces';
import { allFinite, specDifferences } from '@polyak/core/kit';
import { UnrecoverableError } from 'bullmq';
import type { Settings } from '../module.js';
import type { RoundPlan } from '../round-plan.js';

/** The settings of a worker in a round. */
export function settingsOf({ options = {} }: RoundPlan, worker: number): Settings {
  return isList(options) ? (options[worker] as Settings) : options;
}

/** The dtypes and shapes of weights, whatever becomes of these. */
export function specsOf(weights: NamedTensors): ReadonlyMap<string, TensorSpec> {
  const specs = Object.entries(weights).map(
    ([name, { dtype, shape }]) => [name, { dtype, shape: [...shape] }] as const,
  );
  return new Map(specs);
}

/** The weights that the module returned, checked. */
export function checkedWeights(
  what: string,
  weights: NamedTensors,
  expected: ReadonlyMap<string, TensorSpec>,
): NamedTensors {
  const record = recordOf(readState(what, weights));
  const flaws: string[] = [];
  const tensors = new Map<string, HostTensor>();
  for (const [name, node] of Object.entries(record)) {
    const tensor = isTensor(node) ? canonical(node) : undefined;
    const flaw = tensor === undefined ? 'is not a tensor' : flawOf(tensor);
    if (tensor === undefined || flaw !== undefined) flaws.push(`"${name}" ${flaw}`);
    else tensors.set(name, tensor);
  }
  refuse(what, flaws);
  requireSpecs(what, tensors, expected);
  const bad = [...tensors].filter(([, { dtype, data }]) => !allFinite(dtype, data));
  if (bad.length === 0) return Object.fromEntries(tensors);
  const names = bad.map(([name]) => `"${name}"`).join(', ');
  throw new UnrecoverableError(
    `${what}: NaN or an infinity in ${names}. Check the data, or lower the learning rate.`,
  );
}

/** Throws unless tensors have the names, dtypes and shapes of those of the round. */
export function requireSpecs(
  what: string,
  found: ReadonlyMap<string, TensorSpec>,
  expected: ReadonlyMap<string, TensorSpec>,
): void {
  refuse(what, specDifferences(found, expected, { found: 'it', expected: 'the round' }));
}

function refuse(what: string, flaws: readonly string[]): void {
  if (flaws.length === 0) return;
  throw new UnrecoverableError(
    `${what}: the weights do not fit: ${flaws.join('; ')}. Return those of the round, trained.`,
  );
}

function isList<T>(value: T | readonly T[]): value is readonly T[] {
  return Array.isArray(value);
}
