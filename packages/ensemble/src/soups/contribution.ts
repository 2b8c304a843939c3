// What is added to the sums of a soup: a member, a member with the opposite sign, another soup.
import type { HalfOrFloatDType } from '@polyak/backend-cpu/sums';
import { PolyakError } from '@polyak/core';
import type { NamedTensors } from '@polyak/core';
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
import { copyOf } from '../copies.js';
import { shown } from '../state-nodes.js';
import { ExactSum } from './exact-sum.js';
import type { Terms } from './exact-sum.js';
import { specsOf } from './soup-state.js';
import type { SoupContents } from './soup-state.js';

/** Terms for the sums of a soup. */
export interface Contribution {
  /** For messages. */
  readonly what: string;
  /** How many members there are more, or fewer where it is negative. */
  readonly count: number;
  /** Terms of the weights and of their magnitudes. */
  readonly weights: readonly Terms[];
  /** The dtypes and shapes of all tensors. */
  readonly specs: ReadonlyMap<string, TensorSpec>;
  /** Terms of the floating tensors. */
  readonly terms: ReadonlyMap<string, readonly Terms[]>;
  /** The other tensors, where they take the place of those that are there. */
  readonly copies: ReadonlyMap<string, HostTensor>;
}

/** A member's tensors by name, refused where one is malformed or not finite. */
export function tensorsOf(call: string, member: NamedTensors): ReadonlyMap<string, HostTensor> {
  const record = readState(call, member);
  if (recordOf(record) !== record) {
    throw new TypeError(`${call}: the member is ${shown(member)}, expected tensors by name.`);
  }
  const tensors = new Map<string, HostTensor>();
  const flaws: string[] = [];
  for (const [name, node] of Object.entries(record)) {
    const tensor = isTensor(node) ? canonical(node) : undefined;
    const flaw = tensor === undefined ? 'is not a tensor' : flawOf(tensor);
    if (tensor === undefined || flaw !== undefined) flaws.push(`"${name}" ${flaw}`);
    else tensors.set(name, tensor);
  }
  requireFit(flaws, { code: 'ERR_STATE', call, what: 'the member' });
  const bad = [...tensors].filter(([, { dtype, data }]) => !allFinite(dtype, data));
  if (bad.length === 0) return tensors;
  const names = bad.map(([name]) => `"${name}"`).join(', ');
  throw new PolyakError('ERR_NON_FINITE', `${call}: NaN or an infinity in ${names}.`);
}

/** A member that comes (`count` 1) or goes (-1). */
export function memberTerms(
  tensors: ReadonlyMap<string, HostTensor>,
  weight: number,
  count: 1 | -1,
): Contribution {
  const entries = [...tensors];
  const floats = entries.filter(([, { dtype }]) => isFloating(dtype));
  const others = entries.filter(([, { dtype }]) => !isFloating(dtype));
  return {
    what: 'the member',
    count,
    weights: termsOf([Float64Array.of(count * weight, count * Math.abs(weight))]),
    specs: tensors,
    terms: new Map(
      floats.map(([name, { dtype, data }]) => {
        return [name, [{ dtype: dtype as HalfOrFloatDType, data, weight: count * weight }]];
      }),
    ),
    copies: new Map(count === 1 ? others.map(([name, tensor]) => [name, copyOf(tensor)]) : []),
  };
}

/** All members of another soup. */
export function soupTerms(other: SoupContents): Contribution {
  return {
    what: 'the other soup',
    count: other.count,
    weights: termsOf(other.weights.parts),
    specs: specsOf(other),
    terms: new Map([...other.sums].map(([name, { sum }]) => [name, termsOf(sum.parts)])),
    copies: new Map([...other.copies].map(([name, tensor]) => [name, copyOf(tensor)])),
  };
}

/**
 * Adds a contribution to a soup, or changes nothing.
 *
 * @throws PolyakError `ERR_STATE` where it does not fit, `ERR_NON_FINITE` where a sum overflows
 */
export function contribute(call: string, contents: SoupContents, given: Contribution): void {
  if (contents.count > 0) {
    const sides = { found: 'it', expected: 'the soup' };
    const differences = specDifferences(given.specs, specsOf(contents), sides);
    requireFit(differences, { code: 'ERR_STATE', call, what: given.what });
  }
  const sums = new Map(
    [...given.terms].map(([name, [first]]) => {
      const known = contents.sums.get(name);
      const spec = given.specs.get(name) as TensorSpec;
      return [name, known ?? { spec, sum: new ExactSum(first?.data.length ?? 0) }] as const;
    }),
  );
  const additions = [
    { what: 'the weights', sum: contents.weights, terms: given.weights },
    ...[...sums].map(([name, { sum }]) => {
      return { what: `"${name}"`, sum, terms: given.terms.get(name) ?? [] };
    }),
  ];
  for (const { what, sum, terms } of additions) {
    if (terms.every((each) => sum.canAdd(each))) continue;
    throw new PolyakError('ERR_NON_FINITE', `${call}: the sum of ${what} overflows float64.`);
  }
  for (const { sum, terms } of additions) for (const each of terms) sum.add(each);
  for (const [name, sum] of sums) contents.sums.set(name, sum);
  for (const [name, copy] of given.copies) contents.copies.set(name, copy);
  contents.count += given.count;
}

/** Numbers in float64 as they are. */
function termsOf(parts: readonly Float64Array[]): readonly Terms[] {
  return parts.map((data) => ({ dtype: 'float64', data, weight: 1 }));
}
