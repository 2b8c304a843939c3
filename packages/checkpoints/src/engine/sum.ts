// Weighted sums: each part is summed in float64 while it is in the processor's cache, and rounded
// once.
import type { SumDType } from '@polyak/backend-cpu/sums';
import { SUM_BLOCK } from '@polyak/backend-cpu/sums';
import { bytesOf } from '../merge/float-dtypes.js';
import type { OutputDType } from '../merge/float-dtypes.js';
import type { MergePlan } from '../merge/plan.js';
import type { MergeMemory } from './memory.js';
import { alignedAt } from './memory.js';
import { nonFiniteError, reportNonFinite, skipNonFinite } from './non-finite.js';
import type { RunState } from './run-state.js';
import type { Placed } from './units.js';

/**
 * Merges a segment of kind `sum`.
 *
 * @param memory - where the operands are
 * @param placed - the segment; addresses are relative to `slot`
 * @param slot - the address of its slot
 * @param state - for checksums and what is reported
 * @param plan - of the merge
 */
export function mergeSum(
  memory: MergeMemory,
  placed: Placed,
  slot: number,
  state: RunState,
  plan: MergePlan,
): void {
  const { kernels, sums, aligned } = memory;
  const { segment, addresses, result } = placed;
  const { operands, size } = segment;
  const dtype = segment.dtype as OutputDType;
  const elements = segment.byteLength / size;
  for (let at = 0; at < elements; at += SUM_BLOCK) {
    const count = Math.min(SUM_BLOCK, elements - at);
    kernels.clear(sums, count);
    for (const [i, operand] of operands.entries()) {
      const from = operand.dtype as SumDType;
      const length = count * bytesOf(from);
      const offset = at * bytesOf(from);
      const address = slot + (addresses[i] as number) + offset;
      const values = alignedAt(memory, address, from, length);
      kernels.add(sums, values, from, count, operand.weight);
      state
        .checksum(operand.input, operand.file)
        .add(kernels, address, operand.begin + offset, length);
    }
    const target = slot + result + at * size;
    const isAligned = target % size === 0;
    const rounded = isAligned ? target : aligned;
    if (!kernels.round(sums, rounded, dtype, count)) {
      const part = { memory, placed, slot, at, count };
      if (plan.nonFinite === 'refuse') throw nonFiniteError(part, plan, state, rounded);
      if (plan.nonFinite === 'skip') skipNonFinite(part, plan, state, rounded);
      else reportNonFinite(part, state, rounded);
    }
    if (!isAligned) kernels.bytes.copyWithin(target, rounded, rounded + count * size);
  }
}
