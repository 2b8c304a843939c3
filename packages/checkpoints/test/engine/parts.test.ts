import type { Checkpoint, MergeOptions } from '@polyak/checkpoints';
import { mean, planMerge, runMerge } from '@polyak/checkpoints';
import { methodOf } from '@polyak/checkpoints/methods';
import type { MergePart, PartReport } from '@polyak/checkpoints/parts';
import { bytesBesideParts, partsOf, reportOfParts, runMergePart } from '@polyak/checkpoints/parts';
import type { HostTensor } from '@polyak/core/interfaces';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MemorySink } from '../support.js';
import { checkpointsOf } from './merged.js';

const floats = (count: number, phase: number): HostTensor => ({
  dtype: 'float32',
  shape: [count],
  data: Float32Array.from({ length: count }, (_, i) => Math.sin(i + 1.3 * phase)),
});
const models = (lengths: readonly number[], gap = 0, count = 3): readonly Checkpoint[] =>
  checkpointsOf(
    Array.from({ length: count }, (_, model) => ({
      ...Object.fromEntries(lengths.map((n, i) => [`t${i}`, floats(n, model + i)])),
      steps: { dtype: 'int32', shape: [3], data: Int32Array.of(1, 2, model) },
    })),
    gap,
  );

/** The output of a merge by parts that are made in another order, and what it reports. */
async function byParts(
  checkpoints: readonly Checkpoint[],
  options: MergeOptions,
  partBytes: number,
): Promise<{
  readonly bytes: Uint8Array;
  readonly parts: readonly MergePart[];
  readonly report: unknown;
}> {
  const reports = new Map<number, PartReport>();
  const parts = partsOf(await planMerge(checkpoints, 'out', options), partBytes);
  const bytes = new Uint8Array((await planMerge(checkpoints, 'out', options)).bytesToWrite);
  for (const index of [...parts.keys()].toReversed()) {
    const plan = await planMerge(checkpoints, 'out', options);
    const part = partsOf(plan, partBytes)[index] as MergePart;
    let next = part.begin;
    const report = await runMergePart(plan, part, async (position, written) => {
      expect(position).toBe(next);
      next += written.byteLength;
      await new Promise((resolve) => setImmediate(resolve));
      bytes.set(written, position);
    });
    expect(next).toBe(part.end);
    reports.set(index, JSON.parse(JSON.stringify(report)) as PartReport);
  }
  const plan = await planMerge(checkpoints, 'out', options);
  const report = await reportOfParts(
    plan,
    [...parts.keys()].map((index) => reports.get(index) as PartReport),
  );
  for (const piece of await bytesBesideParts(plan, parts, report)) {
    bytes.set(piece.bytes, piece.position);
  }
  return { bytes, parts, report };
}

/** The output of the whole merge. */
async function whole(
  checkpoints: readonly Checkpoint[],
  options: MergeOptions,
): Promise<{ readonly bytes: Uint8Array; readonly report: unknown }> {
  const plan = await planMerge(checkpoints, 'out', options);
  const sink = new MemorySink(plan.bytesToWrite);
  const report = await runMerge(plan, sink);
  return { bytes: sink.bytes, report };
}

describe('a merge by parts', () => {
  it('is the whole merge, however it is cut', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 0, max: 900 }), { minLength: 1, maxLength: 6 }),
        fc.integer({ min: 0, max: 5 }),
        fc.integer({ min: 300, max: 3000 }),
        fc.constantFrom('mean', 'ties', 'slerp'),
        fc.constantFrom('float32', 'float16', undefined),
        async (lengths, gap, partBytes, name, dtype) => {
          const checkpoints = models(lengths, gap, name === 'slerp' ? 2 : 3);
          const [base, ...others] = checkpoints;
          const rest = dtype === undefined ? {} : { dtype };
          const ties = { method: methodOf('ties', { density: 0.5 }), base: base as Checkpoint };
          const [inputs, options] =
            name === 'ties'
              ? [others, { ...rest, ...ties }]
              : [
                  checkpoints,
                  { ...rest, method: name === 'mean' ? mean(3) : methodOf('slerp', { t: 0.3 }) },
                ];
          const expected = await whole(inputs, options);
          const { bytes, report } = await byParts(inputs, options, partBytes);
          expect(bytes).toEqual(expected.bytes);
          expect(report).toEqual(expected.report);
        },
      ),
      { numRuns: 25, seed: 16 },
    );
  });

  it('cuts sums at elements, about as long as it is told', async () => {
    const plan = await planMerge(models([1000, 10, 2000]), 'out', { method: mean(3) });
    expect(partsOf(plan, 5000)).toEqual([
      { file: 0, begin: 0, end: 5000 },
      { file: 0, begin: 5000, end: 10_000 },
      { file: 0, begin: 10_000, end: 12_052 },
    ]);
    expect(partsOf(plan, 4998)[0]).toEqual({ file: 0, begin: 0, end: 4996 });
    expect(partsOf(plan, 1)).toHaveLength(3010 + 12);
    expect(partsOf(plan, Infinity)).toEqual([{ file: 0, begin: 0, end: 12_052 }]);
    expect(() => partsOf(plan, 0)).toThrow(/partBytes is 0/);
    expect(() => partsOf(plan, NaN)).toThrow(RangeError);
  });

  it('does not cut a tensor that a method passes over', async () => {
    const [base, ...others] = models([1000, 10, 2000]);
    const method = methodOf('ties', { density: 0.5 });
    const plan = await planMerge(others, 'out', { method, base: base as Checkpoint });
    expect(partsOf(plan, 5000)).toEqual([
      { file: 0, begin: 0, end: 4040 },
      { file: 0, begin: 4040, end: 12_040 },
      { file: 0, begin: 12_040, end: 12_052 },
    ]);
  });

  it('asks for each tensor a few times, however many parts there are', async () => {
    const plan = await planMerge(models(Array.from({ length: 300 }, () => 4)), 'out', {
      method: mean(3),
    });
    let asked = 0;
    const { segments } = plan;
    const counting = {
      ...plan,
      segments: {
        of: (...args: Parameters<typeof segments.of>) => {
          asked += 1;
          return segments.of(...args);
        },
        extend: (...args: Parameters<typeof segments.extend>) => {
          asked += 1;
          return segments.extend(...args);
        },
      },
    };
    const parts = partsOf(plan, 32);
    expect(parts).toHaveLength(151);
    for (const part of parts) await runMergePart(counting, part, () => Promise.resolve());
    // For the length and for the bytes; one that extends no segment is asked for once more.
    expect(asked).toBeLessThan(4 * 301);
  });

  it('ends where the signal says, and shows how far a part is', async () => {
    const plan = await planMerge(models([1000, 1000]), 'out', { method: mean(3) });
    const [, part] = partsOf(plan, 4000);
    const seen: unknown[] = [];
    const write = (): Promise<void> => Promise.resolve();
    await runMergePart(plan, part as MergePart, write, { onProgress: (at) => seen.push(at) });
    expect(seen).toEqual([
      { done: 0, total: 12_000 },
      { done: 12_000, total: 12_000 },
    ]);
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(runMergePart(plan, part as MergePart, write, { signal })).rejects.toThrow(
      'enough',
    );
  });
});
