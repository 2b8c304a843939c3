// What a soup holds, and its state dict: plain data for a file.
import { PolyakError } from '@polyak/core';
import type { NamedTensors, StateTree } from '@polyak/core';
import {
  canonical,
  flawOf,
  formatSpec,
  isFloating,
  isTensor,
  readState,
  recordOf,
  sameSpec,
} from '@polyak/core/interfaces';
import type { DType, HostTensor, TensorSpec } from '@polyak/core/interfaces';
import { requireFit } from '@polyak/core/kit';
import { copiesOf, copyOf } from '../copies.js';
import { countOf, isWord, listOf, shown } from '../state-nodes.js';
import { ExactSum } from './exact-sum.js';

/** What a soup remembers of a member that was given a name. */
interface NamedMember {
  /** With which it was added. */
  readonly weight: number;
  /** Of its tensors. */
  readonly checksum: number;
}

/** The sum of one floating tensor over the members, each times its weight. */
export interface TensorSum {
  /** What the members hold. */
  readonly spec: TensorSpec;
  readonly sum: ExactSum;
}

/** Everything in a soup. */
export interface SoupContents {
  count: number;
  readonly named: Map<string, NamedMember>;
  /** The sum of the members' weights, and that of the weights' magnitudes. */
  readonly weights: ExactSum;
  readonly sums: Map<string, TensorSum>;
  /** The tensors that are not floats, of the member that was added last. */
  readonly copies: Map<string, HostTensor>;
}

/** The state of a `Soup`, as plain data keyed by the names of the tensors. */
export type SoupState = {
  /** The version of this form. */
  readonly version: 1;
  /** The number of members. */
  readonly count: number;
  /** The members that have names. */
  readonly named: {
    readonly [name: string]: {
      /** With which it was added. */
      readonly weight: number;
      /** Of the bytes of its tensors, an integer in [0, 2^32). */
      readonly checksum: number;
    };
  };
  /** Arrays that add up to two numbers: the sum of the weights, and that of their magnitudes. */
  readonly weights: readonly HostTensor[];
  /** The sums of the floating tensors. */
  readonly sums: {
    readonly [name: string]: {
      /** What the members hold. */
      readonly dtype: DType;
      /** Tensors in float64 that add up to the sum. */
      readonly parts: readonly HostTensor[];
    };
  };
  /** The tensors that are not floats, of the member that was added last. */
  readonly copies: NamedTensors;
};

/** A soup without members. */
export function emptyContents(): SoupContents {
  return {
    count: 0,
    named: new Map(),
    weights: new ExactSum(2),
    sums: new Map(),
    copies: new Map(),
  };
}

/** The dtypes and shapes of all tensors in a soup. */
export function specsOf({ sums, copies }: SoupContents): ReadonlyMap<string, TensorSpec> {
  return new Map([...[...sums].map(([name, { spec }]) => [name, spec] as const), ...copies]);
}

/** The state of a soup, copied. */
export function stateOf({ count, named, weights, sums, copies }: SoupContents): SoupState {
  return {
    version: 1,
    count,
    named: Object.fromEntries([...named].map(([name, member]) => [name, { ...member }])),
    weights: partsOf(weights, [2]),
    sums: Object.fromEntries(
      [...sums].map(([name, { spec, sum }]) => [
        name,
        { dtype: spec.dtype, parts: partsOf(sum, spec.shape) },
      ]),
    ),
    copies: copiesOf(Object.fromEntries(copies)),
  };
}

/**
 * The soup that `state` describes, copied.
 *
 * @throws PolyakError `ERR_STATE`, with everything that is wrong
 */
export function restored(state: StateTree): SoupContents {
  const root = recordOf(readState('loadStateDict', state));
  if (root['version'] !== 1 || root['sums'] === undefined) {
    throw new PolyakError(
      'ERR_STATE',
      'loadStateDict: this is not the state of a Soup, version 1. Pass what stateDict() gave.',
    );
  }
  const problems: string[] = [];
  const contents: SoupContents = {
    count: countOf(root['count'], 'count', problems),
    named: membersIn(root['named'], problems),
    weights: sumIn(root['weights'], 'the weights', problems, [2]).sum,
    sums: sumsIn(root['sums'], problems),
    copies: copiesIn(root['copies'], problems),
  };
  const { count, named, sums, copies } = contents;
  if (named.size > count) problems.push(`it names ${named.size} members of ${count}`);
  if (count === 0 && sums.size + copies.size > 0) problems.push('it has tensors, but no members');
  for (const name of copies.keys()) {
    if (sums.has(name)) problems.push(`"${name}" is among the sums and the copies`);
  }
  requireFit(problems, { code: 'ERR_STATE', call: 'loadStateDict', what: 'the state' });
  return contents;
}

function partsOf({ parts }: ExactSum, shape: readonly number[]): readonly HostTensor[] {
  return parts.map((data) => copyOf({ dtype: 'float64', shape, data }));
}

function membersIn(node: StateTree | undefined, problems: string[]): Map<string, NamedMember> {
  const members = new Map<string, NamedMember>();
  for (const [name, child] of Object.entries(recordOf(node))) {
    const { weight, checksum } = recordOf(child);
    if (typeof weight !== 'number' || !Number.isFinite(weight)) {
      problems.push(`the weight of "${name}" is ${shown(weight)}, expected a finite number`);
    } else if (!isWord(checksum)) {
      problems.push(`the checksum of "${name}" is ${shown(checksum)}, expected one in [0, 2^32)`);
    } else members.set(name, { weight, checksum });
  }
  return members;
}

function sumsIn(node: StateTree | undefined, problems: string[]): Map<string, TensorSum> {
  const sums = new Map<string, TensorSum>();
  for (const [name, child] of Object.entries(recordOf(node))) {
    const { dtype, parts } = recordOf(child);
    if (typeof dtype !== 'string' || !isFloating(dtype as DType)) {
      problems.push(`the sum of "${name}" has the dtype ${shown(dtype)}, expected one of floats`);
    }
    const { shape, sum } = sumIn(parts, `"${name}"`, problems);
    sums.set(name, { spec: { dtype: dtype as DType, shape }, sum });
  }
  return sums;
}

/** The sum that the tensors in `node` add up to, all of one shape. */
function sumIn(
  node: StateTree | undefined,
  what: string,
  problems: string[],
  expected?: readonly number[],
): { readonly shape: readonly number[]; readonly sum: ExactSum } {
  const parts = listOf(node);
  const tensors = parts.flatMap((part) => (isTensor(part) ? [canonical(part)] : []));
  const spec = { dtype: 'float64', shape: expected ?? tensors[0]?.shape ?? [] } as const;
  const flaws = tensors.flatMap((tensor) => {
    const isSame = flawOf(tensor) === undefined && sameSpec(tensor, spec);
    return isSame
      ? []
      : [flawOf(tensor) ?? `is ${formatSpec(tensor)}, expected ${formatSpec(spec)}`];
  });
  if (tensors.length === 0 || tensors.length < parts.length) flaws.push('is not a tensor');
  if (flaws.length > 0) {
    problems.push(`a part of the sum of ${what} ${flaws[0]}`);
    return { shape: [], sum: new ExactSum(0) };
  }
  const sum = new ExactSum(tensors[0]?.data.length ?? 0);
  for (const { data } of tensors) {
    const terms = { dtype: 'float64', data, weight: 1 } as const;
    if (sum.canAdd(terms)) sum.add(terms);
    else problems.push(`the sum of ${what} is not finite`);
  }
  return { shape: spec.shape, sum };
}

function copiesIn(node: StateTree | undefined, problems: string[]): Map<string, HostTensor> {
  const copies = new Map<string, HostTensor>();
  for (const [name, child] of Object.entries(recordOf(node))) {
    const tensor = isTensor(child) ? canonical(child) : undefined;
    const flaw = tensor === undefined ? 'is not a tensor' : flawOf(tensor);
    if (tensor === undefined || flaw !== undefined) problems.push(`the copy "${name}" ${flaw}`);
    else if (isFloating(tensor.dtype)) problems.push(`the copy "${name}" is ${tensor.dtype}`);
    else copies.set(name, copyOf(tensor));
  }
  return copies;
}
