// Numbers that are not finite: found after a part of a sum was not, refused by name, left out, or
// let through.
import { PolyakError } from '@polyak/core';
import type { SumDType } from '@polyak/backend-cpu/sums';
import { bytesOf } from '../merge/float-dtypes.js';
import type { OutputDType } from '../merge/float-dtypes.js';
import type { MergePlan } from '../merge/plan.js';
import type { Segment } from '../merge/segments.js';
import type { MergeMemory } from './memory.js';
import { alignedAt, float64At } from './memory.js';
import type { RunState } from './run-state.js';
import type { Placed } from './units.js';

/** A part of a segment whose result is not finite. */
export interface Part {
  readonly memory: MergeMemory;
  readonly placed: Placed;
  /** The address of the slot. */
  readonly slot: number;
  /** The index of the first element in the segment. */
  readonly at: number;
  /** How many elements. */
  readonly count: number;
}

/**
 * The error for the first number that is not finite in an input, or the first of the rounded
 * results at `target` that overflows.
 */
export function nonFiniteError(
  part: Part,
  plan: MergePlan,
  state: RunState,
  target: number,
): PolyakError {
  const { placed, at } = part;
  for (const [i, { input }] of placed.segment.operands.entries()) {
    const values = operandValues(part, i);
    const bad = values.findIndex((value) => !Number.isFinite(value));
    if (bad === -1) continue;
    const checkpoint = plan.inputs[input]?.name ?? '';
    const element = state.elementAt(placed.segment, at + bad);
    return refusal(checkpoint, element, values[bad] as number);
  }
  const overflowed = resultsOf(part, target).findIndex((value) => !Number.isFinite(value));
  return overflowError(placed.segment, at + overflowed, 1, state);
}

/** The error for a number of an input that is not finite. */
export function refusal(
  checkpoint: string,
  { name, index }: { readonly name: string; readonly index: number },
  value: number,
): PolyakError {
  return new PolyakError(
    'ERR_NON_FINITE',
    `${checkpoint}: "${name}" is ${value} at element ${index}. Leave this checkpoint out, or set ` +
      'nonFinite (--nonfinite) to skip or propagate.',
  );
}

/** The error for finite numbers whose merge is not finite: whatever is done about others. */
export function overflowError(
  segment: Segment,
  at: number,
  count: number,
  state: RunState,
): PolyakError {
  const { name, index } = state.elementAt(segment, at);
  const last = state.elementAt(segment, at + count - 1).name;
  const where = count === 1 ? `, element ${index},` : last === name ? '' : ` to "${last}"`;
  return new PolyakError(
    'ERR_NON_FINITE',
    `the merge of finite numbers of "${name}"${where} is larger than ${segment.dtype} can hold. ` +
      'Choose another dtype for the output.',
  );
}

/**
 * Sums each element over those inputs in which it is finite, with weights that sum to what all of
 * them sum to, and rounds the sums to `target`.
 *
 * @throws PolyakError `ERR_NON_FINITE` where an element is finite in no input, or finite numbers
 *   overflow
 */
export function skipNonFinite(part: Part, plan: MergePlan, state: RunState, target: number): void {
  const { memory, placed, at, count } = part;
  const { operands, dtype } = placed.segment;
  const total = operands.reduce((sum, { weight }) => sum + weight, 0);
  const sums = new Float64Array(count);
  const weights = new Float64Array(count);
  const skipped = new Uint8Array(count);
  for (const [i, { weight }] of operands.entries()) {
    const values = operandValues(part, i);
    for (let k = 0; k < count; k += 1) {
      const value = values[k] as number;
      if (Number.isFinite(value)) {
        sums[k] = (sums[k] as number) + weight * value;
        weights[k] = (weights[k] as number) + weight;
      } else skipped[k] = 1;
    }
  }
  for (let k = 0; k < count; k += 1) {
    if (skipped[k] === 1) sums[k] = ((sums[k] as number) * total) / (weights[k] as number);
  }
  countByTensor(placed.segment, at, skipped, state);
  float64At(memory, memory.sums, count).set(sums);
  if (memory.kernels.round(memory.sums, target, dtype as OutputDType, count)) return;
  const bad = resultsOf(part, target).findIndex((value) => !Number.isFinite(value));
  if (skipped[bad] === 1 && weights[bad] === 0) {
    throw nonFiniteError({ ...part, at: at + bad, count: 1 }, plan, state, target);
  }
  throw overflowError(placed.segment, at + bad, 1, state);
}

/**
 * Notes the elements of a result that are not finite because some input is not.
 *
 * @throws PolyakError `ERR_NON_FINITE` where finite numbers overflow
 */
export function reportNonFinite(part: Part, state: RunState, target: number): void {
  const { placed, at, count } = part;
  const { operands } = placed.segment;
  const results = resultsOf(part, target);
  const flags = new Uint8Array(count);
  for (const i of operands.keys()) {
    for (const [k, value] of operandValues(part, i).entries()) {
      if (!Number.isFinite(value) && !Number.isFinite(results[k])) flags[k] = 1;
    }
  }
  const overflowed = results.findIndex((value, k) => !Number.isFinite(value) && flags[k] === 0);
  if (overflowed !== -1) throw overflowError(placed.segment, at + overflowed, 1, state);
  countByTensor(placed.segment, at, flags, state);
}

function resultsOf({ memory, placed, count }: Part, target: number): Float64Array {
  memory.kernels.widen(target, placed.segment.dtype as OutputDType, memory.sums, count);
  return float64At(memory, memory.sums, count).slice();
}

function operandValues({ memory, placed, slot, at, count }: Part, i: number): Float64Array {
  const dtype = placed.segment.operands[i]?.dtype as SumDType;
  const address = slot + (placed.addresses[i] as number) + at * bytesOf(dtype);
  const values = alignedAt(memory, address, dtype, count * bytesOf(dtype));
  memory.kernels.widen(values, dtype, memory.sums, count);
  return float64At(memory, memory.sums, count);
}

function countByTensor(segment: Segment, at: number, flags: Uint8Array, state: RunState): void {
  for (let k = 0; k < flags.length;) {
    const { name, rest } = state.elementAt(segment, at + k);
    const end = Math.min(flags.length, k + rest);
    const count = flags.subarray(k, end).reduce((sum, flag) => sum + flag, 0);
    if (count > 0) state.addNonFinite(name, count);
    k = end;
  }
}
