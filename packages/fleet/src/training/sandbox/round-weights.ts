// What a round starts from, and what of it the module gets and may return.
import type { NamedTensors } from '@polyak/core';
import { canonical, flawOf, isTensor, readState, recordOf } from '@polyak/core/interfaces';
import type { HostTensor, TensorSpec } from '@polyak/core/interfaces';
import { allFinite, specDifferences } from '@polyak/core/kit';
import { decodeSafetensors } from '@polyak/safetensors';
import { UnrecoverableError } from 'bullmq';
import type { Store } from '../../store/store.js';
import type { Settings } from '../module.js';
import { keyOf } from '../names.js';
import { readObject, requireRecord } from '../objects.js';
import type { RoundPlan } from '../plan.js';
import type { RoundResult, RunRecord } from '../record.js';

/** The settings of a worker in a round. */
export function settingsOf({ options = {} }: RoundPlan, worker: number): Settings {
  return isList(options) ? (options[worker] as Settings) : options;
}

/** The weights that a round starts from: those of the run, or of the round before. */
export async function startOf(
  store: Store,
  run: string,
  round: number,
  { rounds, sha256 }: RunRecord,
): Promise<NamedTensors> {
  const first = { key: keyOf.weights(run, 0, rounds.length), sha256 };
  const start = round === 0 ? first : (await resultOf(store, run, round - 1)).weights;
  return decodeSafetensors(await readObject(store, start)).tensors;
}

/** What came of a round that has ended. */
export async function resultOf(store: Store, run: string, round: number): Promise<RoundResult> {
  return await requireRecord<RoundResult>(store, keyOf.result(run, round));
}

/** The dtypes and shapes of weights, whatever becomes of these. */
export function specsOf(weights: NamedTensors): ReadonlyMap<string, TensorSpec> {
  const specs = Object.entries(weights).map(
    ([name, { dtype, shape }]) => [name, { dtype, shape: [...shape] }] as const,
  );
  return new Map(specs);
}

/** The weights of a result of the module, checked. */
export function checkedWeights(
  what: string,
  weights: NamedTensors,
  expected: ReadonlyMap<string, TensorSpec>,
): NamedTensors {
  const record = recordOf(readState(what, weights));
  const problems: string[] = [];
  const tensors = new Map<string, HostTensor>();
  for (const [name, node] of Object.entries(record)) {
    const tensor = isTensor(node) ? canonical(node) : undefined;
    const flaw = tensor === undefined ? 'is not a tensor' : flawOf(tensor);
    if (tensor === undefined || flaw !== undefined) problems.push(`"${name}" ${flaw}`);
    else tensors.set(name, tensor);
  }
  if (problems.length === 0) {
    const sides = { found: 'it', expected: 'the round' };
    problems.push(...specDifferences(tensors, expected, sides));
  }
  if (problems.length > 0) {
    throw new UnrecoverableError(`${what}: the weights do not fit: ${problems.join('; ')}.`);
  }
  const bad = [...tensors].filter(([, { dtype, data }]) => !allFinite(dtype, data));
  if (bad.length === 0) return Object.fromEntries(tensors);
  const names = bad.map(([name]) => `"${name}"`).join(', ');
  throw new UnrecoverableError(`${what}: NaN or an infinity in ${names}.`);
}

function isList<T>(value: T | readonly T[]): value is readonly T[] {
  return Array.isArray(value);
}
