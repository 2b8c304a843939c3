import { mean, planMerge, runMerge, weighted } from '@polyak/checkpoints';
import type { HostTensor } from '@polyak/core/interfaces';
import { halfToFloat32 } from '@polyak/core/kit';
import { describe, expect, it } from 'vitest';
import { MemorySink } from '../support.js';
import { checkpointsOf, float32At, merged } from './merged.js';
import { floats, halfVector, vector } from './values.js';

describe('a weighted sum', () => {
  it.each([null, 5, true, { normalise: true }])('refuses the options %j', (options) => {
    expect(() => weighted([1, 2], options as never)).toThrow(
      /^weighted: .* Expected { normalize }\.$/,
    );
  });

  it('is a float64 sum in the order of the checkpoints, rounded once', async () => {
    const weights = [0.5, -0.25, 1.5];
    const members = weights.map((_, i) => ({
      a: vector(floats(i, 70_001)),
      b: vector(floats(i + 10, 3)),
    }));
    const { bytes, sink } = await merged(checkpointsOf(members), { method: weighted(weights) });
    expect(sink.state).toBe('published');
    const all = members.map(({ a, b }) => [...a.data, ...b.data] as number[]);
    const expected = Float32Array.from({ length: 70_004 }, (_, k) =>
      all.reduce((sum, values, i) => sum + (weights[i] as number) * (values[k] as number), 0),
    );
    expect(float32At(bytes)).toEqual(expected);
  });

  it('gives the same elements wherever the tensors lie in their files', async () => {
    const members = [1, 2, 3].map((i) => ({
      a: vector(floats(i, 5001)),
      b: vector(floats(i + 10, 1)),
      c: vector(floats(i + 20, 9000)),
    }));
    const { bytes: together } = await merged(checkpointsOf(members), { method: mean(3) });
    for (const gap of [4, 7, 500]) {
      const { bytes: apart } = await merged(checkpointsOf(members, gap), { method: mean(3) });
      let [from, to] = [0, gap];
      for (const length of [5001, 1, 9000].map((count) => 4 * count)) {
        expect(apart.slice(to, to + length)).toEqual(together.slice(from, from + length));
        from += length;
        to += length + gap;
      }
      expect(apart.slice(0, gap)).toEqual(new Uint8Array(gap).fill(0xbb));
    }
  });

  it('takes tensors by name, whatever their order in each file', async () => {
    const [a, b] = [vector(floats(1, 300)), vector(floats(2, 5))];
    const { bytes } = await merged(
      checkpointsOf([
        { a, b },
        { b, a },
      ]),
      { method: mean(2) },
    );
    expect(float32At(bytes)).toEqual(
      Float32Array.of(...(b.data as Float32Array), ...(a.data as Float32Array)),
    );
  });

  it('is the same for tensors longer than a unit of work', async () => {
    const count = 5 * 2 ** 20 + 3;
    const members = [1, 2, 3].map((i) => ({
      a: vector(floats(i, 9)),
      b: vector(floats(i, count)),
    }));
    const { bytes } = await merged(checkpointsOf(members), { method: mean(3) });
    const found = float32At(bytes, 36);
    const [x, y, z] = members.map(({ b }) => b.data as Float32Array);
    let wrong = 0;
    for (let k = 0; k < count; k += 1) {
      const third = 1 / 3;
      const sum = third * (x?.[k] ?? 0) + third * (y?.[k] ?? 0) + third * (z?.[k] ?? 0);
      if (found[k] !== Math.fround(sum)) wrong += 1;
    }
    expect(wrong).toBe(0);
  });

  it('has room for as many checkpoints as there are', async () => {
    // A part of 64 elements of each does not fit into 4 MiB.
    const count = 20_000;
    const members = Array.from({ length: count }, (_, i) => ({ w: vector(floats(i, 200)) }));
    const options = { method: weighted(members.map(() => 1)), dtype: 'float64' } as const;
    const { bytes } = await merged(checkpointsOf(members), options);
    const sums = new Float64Array(200);
    for (const { w } of members) {
      for (let k = 0; k < 200; k += 1) sums[k] = (sums[k] ?? 0) + Number(w.data[k]);
    }
    expect(new Float64Array(bytes.buffer)).toEqual(sums);
  });

  it('merges half precision and rounds to the dtype that is asked for', async () => {
    const [x, y] = [floats(1, 1000), floats(2, 1000)];
    const members = [x, y].map((data) => ({ w: halfVector('bfloat16', data) }));
    const { bytes } = await merged(checkpointsOf(members), { method: mean(2), dtype: 'float32' });
    const [a, b] = members.map(({ w }) => halfToFloat32('bfloat16', w.data as Uint16Array));
    const expected = Float32Array.from(a ?? [], (value, i) => value / 2 + (b?.[i] ?? 0) / 2);
    expect(float32At(bytes)).toEqual(expected);
  });

  it('merges rows that only some checkpoints have from those', async () => {
    const rows = (seed: number, count: number): HostTensor => ({
      dtype: 'float32',
      shape: [count, 3],
      data: floats(seed, 3 * count),
    });
    const [short, long] = [rows(1, 2), rows(2, 4)];
    const expected = Float32Array.from(long.data as Float32Array, (value, i) =>
      i < 6 ? 0.25 * Number(short.data[i]) + 0.75 * value : value,
    );
    // The output has all rows, also where the last checkpoint has fewer.
    for (const order of [
      { members: [{ e: short }, { e: long }], weights: [0.25, 0.75] },
      { members: [{ e: long }, { e: short }], weights: [0.75, 0.25] },
    ]) {
      const options = { method: weighted(order.weights), rows: ['e'] };
      const { bytes } = await merged(checkpointsOf(order.members), options);
      expect(float32At(bytes)).toEqual(expected);
    }
  });
});

describe('tensors that are not merged', () => {
  const counter = (value: number): HostTensor => ({
    dtype: 'int64',
    shape: [],
    data: BigInt64Array.of(BigInt(value)),
  });

  it('are those of the last checkpoint, and named where integers differ', async () => {
    const members = [1, 2].map((i) => ({
      n: counter(i),
      same: counter(7),
      w: vector(floats(i, 4)),
    }));
    const { bytes, report } = await merged(checkpointsOf(members), { method: mean(2) });
    expect([...new BigInt64Array(bytes.slice(0, 16).buffer)]).toEqual([2n, 7n]);
    expect(report.fromLast).toEqual(['n']);
  });

  it('are cast, and not weighed, where they are not selected', async () => {
    const a = vector(floats(1, 4));
    const options = {
      method: weighted([0.5]),
      names: { exclude: ['a'] },
      dtype: 'float64',
    } as const;
    const { bytes } = await merged(checkpointsOf([{ a, b: a }]), options);
    const [first, second] = [
      new Float64Array(bytes.slice(0, 32).buffer),
      new Float64Array(bytes.slice(32).buffer),
    ];
    expect([...first]).toEqual([...a.data]);
    expect([...second]).toEqual([...first].map((value) => value / 2));
  });

  it('are copied where they are not selected, whatever their dtype', async () => {
    const members = [1, 2].map((i) => ({ a: vector(floats(i, 4)), b: vector(floats(i + 5, 4)) }));
    const names = { exclude: ['b'] };
    const { bytes } = await merged(checkpointsOf(members), { method: mean(2), names });
    expect(float32At(bytes, 16)).toEqual(members[1]?.b.data);
  });
});

describe('numbers that are not finite', () => {
  const members = [
    { a: vector(Float32Array.of(1, 2)), b: vector(Float32Array.of(3, 4, 5)) },
    { a: vector(Float32Array.of(5, 6)), b: vector(Float32Array.of(7, Number.NaN, 9)) },
    { a: vector(Float32Array.of(9, 4)), b: vector(Float32Array.of(2, 8, Infinity)) },
  ];

  it('are refused with their checkpoint, tensor and element', async () => {
    const plan = await planMerge(checkpointsOf(members), 'out', { method: mean(3) });
    const sink = new MemorySink(plan.bytesToWrite);
    await expect(runMerge(plan, sink)).rejects.toMatchObject({
      code: 'ERR_NON_FINITE',
      message: expect.stringContaining('model-1: "b" is NaN at element 1'),
    });
    expect(sink.state).toBe('abandoned');
  });

  it('are skipped element by element if asked for, and counted', async () => {
    const { bytes, report } = await merged(checkpointsOf(members), {
      method: mean(3),
      nonFinite: 'skip',
    });
    expect([...float32At(bytes)]).toEqual([5, 4, 4, 6, 7]);
    expect([...report.nonFinite]).toEqual([['b', 2]]);
  });

  it('are skipped with weights that keep their sum', async () => {
    const options = { method: weighted([1, 2, 3]), nonFinite: 'skip' } as const;
    const { bytes } = await merged(checkpointsOf(members), options);
    // Of 4 and 8 by 1 and 3, and of 5 and 9 by 1 and 2, each for 6 in all.
    expect([...float32At(bytes, 12)]).toEqual([42, 46]);
  });

  it('are let through if asked for, and counted', async () => {
    const { bytes, report } = await merged(checkpointsOf(members), {
      method: mean(3),
      nonFinite: 'propagate',
    });
    expect([...float32At(bytes)]).toEqual([5, 4, 4, Number.NaN, Infinity]);
    expect([...report.nonFinite]).toEqual([['b', 2]]);
  });
});

describe('a merge that was interrupted', () => {
  it('goes on from any unit, to the same bytes and checksums', async () => {
    const count = 3 * 2 ** 20;
    const members = [1, 2].map((i) => ({ a: vector(floats(i, count)), b: vector(floats(i, 77)) }));
    const plan = await planMerge(checkpointsOf(members), 'out', { method: mean(2) });
    const whole = new MemorySink(plan.bytesToWrite);
    const saved: unknown[] = [];
    const { now } = Date;
    // Each unit seems to take a minute, so that every one is recorded.
    let minutes = 0;
    Date.now = () => now() + 60_000 * (minutes += 1);
    const report = await runMerge(plan, whole).finally(() => (Date.now = now));
    saved.push(...whole.checkpoints);
    expect(saved.length).toBeGreaterThan(3);
    for (const progress of saved) {
      const sink = new MemorySink(plan.bytesToWrite);
      const { bytes } = progress as { bytes: number };
      sink.bytes.set(whole.bytes.subarray(0, bytes / members.length));
      expect(await runMerge(plan, sink, { resumeFrom: progress })).toEqual(report);
      // toEqual takes a minute for megabytes.
      expect(Buffer.compare(sink.bytes, whole.bytes)).toBe(0);
    }
  });

  it('ends with the reason of its signal and is abandoned', async () => {
    const members = [1, 2].map((i) => ({ a: vector(floats(i, 2 ** 20)) }));
    const plan = await planMerge(checkpointsOf(members), 'out', { method: mean(2) });
    const sink = new MemorySink(plan.bytesToWrite);
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(runMerge(plan, sink, { signal })).rejects.toThrow('enough');
    expect(sink.state).toBe('abandoned');
  });

  it('leaves no read behind when one fails', async () => {
    const members = [1, 2].map((i) => ({ a: vector(floats(i, 3 * 2 ** 20)) }));
    let [pending, calls] = [0, 0];
    const checkpoints = checkpointsOf(members).map((checkpoint) => ({
      ...checkpoint,
      files: checkpoint.files.map(({ name, source }) => ({
        name,
        source: {
          size: source.size,
          read: async (offset: number, length: number) => {
            calls += 1;
            if (calls === 3) throw new Error('a bad sector');
            pending += 1;
            // The fourth, of the same unit as the one that fails, ends last.
            const milliseconds = calls === 4 ? 80 : 20;
            await new Promise((resolve) => setTimeout(resolve, milliseconds));
            pending -= 1;
            return await source.read(offset, length);
          },
        },
      })),
    }));
    const plan = await planMerge(checkpoints, 'out', { method: mean(2) });
    const sink = new MemorySink(plan.bytesToWrite);
    await expect(runMerge(plan, sink)).rejects.toThrow('a bad sector');
    expect({ pending, state: sink.state }).toEqual({ pending: 0, state: 'abandoned' });
    expect(calls).toBeGreaterThan(5);
  });
});
