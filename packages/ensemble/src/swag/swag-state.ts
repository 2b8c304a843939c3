// The state dict of SWAG.
import { PolyakError } from '@polyak/core';
import type { NamedTensors, StateTree } from '@polyak/core';
import {
  canonical,
  flawOf,
  isFloating,
  isTensor,
  readState,
  recordOf,
} from '@polyak/core/interfaces';
import type { HostTensor, TensorSpec } from '@polyak/core/interfaces';
import { allFinite, requireFit, specDifferences } from '@polyak/core/kit';
import { copiesOf, copyOf } from '../copies.js';
import { countOf, isWord, listOf, shown } from '../state-nodes.js';
import type { Gaussian } from './gaussian.js';
import type { XoshiroState } from './xoshiro.js';

/** The state of a {@link SWAG}, as plain data keyed by the names of the parameters. */
export type SWAGState = {
  /** The version of this form. */
  readonly version: 1;
  /** How many deviations are kept at most. */
  readonly rank: number;
  /** The number of models collected. */
  readonly nModels: number;
  /** Their mean, in float64. */
  readonly mean: NamedTensors;
  /** Their population variances, in float64. */
  readonly variance: NamedTensors;
  /** The last `min(nModels, rank)` deviations from the mean, the oldest first. */
  readonly deviations: readonly NamedTensors[];
  /** The tensors that are not floats, as last collected. */
  readonly copies: NamedTensors;
  /** The state of the random numbers: four integers in [0, 2^32). */
  readonly random: readonly number[];
};

/** What a state holds. */
export interface RestoredSWAG {
  readonly gaussian: Gaussian;
  readonly random: XoshiroState;
}

/** The state of a SWAG, copied. */
export function stateOf(rank: number, gaussian: Gaussian, random: XoshiroState): SWAGState {
  return {
    version: 1,
    rank,
    nModels: gaussian.nModels,
    mean: copiesOf(gaussian.mean),
    variance: copiesOf(gaussian.variance),
    deviations: gaussian.deviations.map(copiesOf),
    copies: copiesOf(gaussian.copies),
    random,
  };
}

/**
 * The SWAG that `state` describes, copied.
 *
 * @throws PolyakError `ERR_STATE`, with every difference
 */
export function restored(
  state: StateTree,
  rank: number,
  specs: ReadonlyMap<string, TensorSpec>,
): RestoredSWAG {
  const root = recordOf(readState('loadStateDict', state));
  if (root['version'] !== 1 || root['variance'] === undefined) {
    throw new PolyakError(
      'ERR_STATE',
      'loadStateDict: this is not the state of a SWAG, version 1. Pass what stateDict() gave.',
    );
  }
  const problems: string[] = [];
  if (root['rank'] !== rank)
    problems.push(`its rank is ${shown(root['rank'])}, this SWAG's ${rank}`);
  const nModels = countOf(root['nModels'], 'nModels', problems);
  const all = nModels > 0 ? [...specs] : [];
  const floats = all.filter(([, { dtype }]) => isFloating(dtype));
  const wide = floats.map(([name, { shape }]): Named => [name, { dtype: 'float64', shape }]);
  const others = all.filter(([, { dtype }]) => !isFloating(dtype));
  const gaussian: Gaussian = {
    nModels,
    mean: tensorsOf(root['mean'], 'mean', wide, problems),
    variance: tensorsOf(root['variance'], 'variance', wide, problems, 0),
    deviations: deviationsOf(root['deviations'], Math.min(nModels, rank), floats, problems),
    copies: tensorsOf(root['copies'], 'copies', others, problems),
  };
  const random = randomOf(root['random'], problems);
  requireFit(problems, { code: 'ERR_STATE', call: 'loadStateDict', what: 'the state' });
  return { gaussian, random };
}

/** The name and spec of a tensor. */
type Named = readonly [name: string, spec: TensorSpec];

function deviationsOf(
  node: StateTree | undefined,
  count: number,
  specs: readonly Named[],
  problems: string[],
): readonly NamedTensors[] {
  const lists = listOf(node);
  if (lists.length !== count) problems.push(`it has ${lists.length} deviations, expected ${count}`);
  return lists.slice(0, count).map((list, k) => tensorsOf(list, `deviation ${k}`, specs, problems));
}

/** The tensors of `specs` in `node`, their numbers finite and not less than `least`. */
function tensorsOf(
  node: StateTree | undefined,
  where: string,
  specs: readonly Named[],
  problems: string[],
  least = -Infinity,
): NamedTensors {
  const found = new Map<string, HostTensor>();
  const expected = new Map(specs);
  for (const [name, child] of Object.entries(recordOf(node))) {
    if (!isTensor(child)) continue;
    const tensor = canonical(child);
    const flaw = flawOf(tensor);
    if (flaw === undefined) found.set(name, copyOf(tensor));
    else {
      problems.push(`${where}: "${name}" ${flaw}`);
      expected.delete(name);
    }
  }
  const sides = { found: 'it', expected: 'the model' };
  const differences = specDifferences(found, expected, sides);
  problems.push(...differences.map((difference) => `${where}: ${difference}`));
  for (const [name, tensor] of found) {
    if (!hasRange(tensor, least)) problems.push(`${where}: "${name}" holds ${badValue(least)}`);
  }
  return Object.fromEntries(found);
}

function hasRange({ dtype, data }: HostTensor, least: number): boolean {
  if (!allFinite(dtype, data)) return false;
  return !isFloating(dtype) || (data as Float64Array).every((value) => value >= least);
}

function badValue(least: number): string {
  return least === 0 ? 'a number that is negative or not finite' : 'a number that is not finite';
}

function randomOf(node: StateTree | undefined, problems: string[]): XoshiroState {
  const words = listOf(node);
  if (words.length === 4 && words.every(isWord) && words.some((word) => word !== 0)) return words;
  problems.push(`random is ${shown(node)}, expected four integers in [0, 2^32), not all 0`);
  return [];
}
