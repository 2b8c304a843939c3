// The state dict of SWAG: its form, and what makes one fit a given SWAG.
import {
  arrayOf,
  elementCount,
  formatSpec,
  isFloating,
  PolyakError,
  recordOf,
  sameSpec,
} from '@polyak/core';
import type { HostTensor, NamedTensors, StateTree, TensorSpec } from '@polyak/core';
import { excerpt, isTensor } from '@polyak/core/internal';
import type { Gaussian } from './gaussian.js';
import { copyOf } from './sample.js';
import type { XoshiroState } from './xoshiro.js';

/** Everything that {@link SWAG} needs to go on from here, as plain data keyed by parameter name. */
export type SWAGState = {
  /** The version of this form. */
  readonly version: 1;
  /** How many deviations are kept at most. */
  readonly rank: number;
  /** The models collected. */
  readonly nModels: number;
  /** Their mean, in float64. */
  readonly mean: NamedTensors;
  /** Their population variances, in float64. */
  readonly variance: NamedTensors;
  /** The last `min(nModels, rank)` deviations from the mean, the oldest first. */
  readonly deviations: readonly NamedTensors[];
  /** The tensors that are no floats, as last collected. */
  readonly copies: NamedTensors;
  /** The state of the random numbers: four integers in [0, 2^32). */
  readonly random: readonly number[];
};

/** What a state restores. */
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
 * What `state` says, copied.
 *
 * @throws PolyakError `ERR_STATE`, with every difference
 */
export function restored(
  state: StateTree,
  rank: number,
  specs: ReadonlyMap<string, TensorSpec>,
): RestoredSWAG {
  const root = recordOf(state);
  if (root['version'] !== 1 || root['variance'] === undefined) {
    throw new PolyakError('ERR_STATE', 'loadStateDict: this is no state of SWAG, version 1.');
  }
  const problems: string[] = [];
  if (root['rank'] !== rank)
    problems.push(`its rank is ${excerpt(root['rank'])}, this SWAG's ${rank}`);
  const nModels = countOf(root['nModels'], problems);
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
  if (problems.length === 0) return { gaussian, random };
  throw new PolyakError(
    'ERR_STATE',
    `loadStateDict: the state does not fit: ${problems.join('; ')}.`,
  );
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
  const record = recordOf(node);
  const names = new Set(specs.map(([name]) => name));
  const surplus = Object.keys(record).filter((name) => !names.has(name));
  problems.push(...surplus.map((name) => `${where}: the model has no such tensor "${name}"`));
  return Object.fromEntries(
    specs.flatMap(([name, spec]): readonly [string, HostTensor][] => {
      const found = Object.hasOwn(record, name) ? record[name] : undefined;
      if (found === undefined || !isTensor(found)) problems.push(`${where} lacks "${name}"`);
      else if (!isOf(spec, found)) problems.push(`${where}: "${name}" is no ${formatSpec(spec)}`);
      else if (!hasRange(found, least))
        problems.push(`${where}: "${name}" holds ${badValue(least)}`);
      else return [[name, copyOf(found)]];
      return [];
    }),
  );
}

/** Whether `found`, a tensor that may lie, is one of `spec`. */
function isOf(spec: TensorSpec, found: HostTensor): boolean {
  const { shape, data } = found;
  // By name, as an array of another realm is no instance of this one's.
  const isKind = data[Symbol.toStringTag] === arrayOf(spec.dtype).name;
  return (
    Array.isArray(shape) &&
    sameSpec(found, spec) &&
    isKind &&
    data.length === elementCount(spec.shape)
  );
}

function hasRange({ dtype, data }: HostTensor, least: number): boolean {
  const isIn = (value: number): boolean => value >= least && Math.abs(value) < Infinity;
  return !isFloating(dtype) || (data as Float64Array).every(isIn);
}

function badValue(least: number): string {
  return least === 0 ? 'a number that is negative or not finite' : 'a number that is not finite';
}

function countOf(node: StateTree | undefined, problems: string[]): number {
  if (Number.isSafeInteger(node) && Number(node) >= 0) return Number(node);
  problems.push(`nModels is ${excerpt(node)}, expected an integer >= 0`);
  return 0;
}

function randomOf(node: StateTree | undefined, problems: string[]): XoshiroState {
  const words = listOf(node);
  const isWord = (word: StateTree): word is number =>
    Number.isInteger(word) && Number(word) >= 0 && Number(word) < 2 ** 32;
  if (words.length === 4 && words.every(isWord) && words.some((word) => word !== 0)) return words;
  problems.push(`random is ${excerpt(node)}, expected four integers in [0, 2^32), not all 0`);
  return [];
}

function listOf(node: StateTree | undefined): readonly StateTree[] {
  return Array.isArray(node) ? (node as readonly StateTree[]) : [];
}

function copiesOf(tensors: NamedTensors): NamedTensors {
  return Object.fromEntries(
    Object.entries(tensors).map(([name, tensor]) => [name, copyOf(tensor)]),
  );
}
