// Updates whose usual form overflows: as the kernels of the CPU backend make them, bit for bit.
import { hostKernels } from '@polyak/backend-cpu/host';
import type { UpdatedItem } from '@polyak/backend-cpu/host';
import { tfjsBackend } from '@polyak/backend-tfjs';
import type { HostTensor } from '@polyak/core/interfaces';
import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { variableOf } from '../../../../tests/support/tfjs/live-parameter.js';
import { RUNTIMES, useRuntime } from '../../../../tests/support/tfjs/runtimes.js';

const LARGEST = 2 ** 128 - 2 ** 104;

type Floats = HostTensor & { readonly data: Float32Array };

function vector(element: (index: number) => number): Floats {
  return {
    dtype: 'float32',
    shape: [501],
    data: Float32Array.from({ length: 501 }, (_, n) => element(n)),
  };
}

const average = vector((n) => Math.sin(n) * LARGEST);
const residual = vector((n) => Math.sin(n) * LARGEST * 2 ** -26);
const live = vector((n) => (n === 0 ? LARGEST : Math.cos(3 * n) * LARGEST));

describe.each(RUNTIMES)('averages on %s', (runtime) => {
  useRuntime(runtime);

  it.each([0.25, 1 / 3, 0.999, 1])('weigh each side, weight %f', async (weight) => {
    const backend = tfjsBackend(tf);
    const target = variableOf(live);
    const before = tf.memory().numTensors;
    const [alone, first, carried] = backend.upload([average, average, residual]);
    if (alone === undefined || first === undefined || carried === undefined)
      throw new Error('nothing uploaded');
    const items = [
      { average: alone, live: target, weight },
      { average: first, residual: carried, live: target, weight },
    ];
    // A scope of the caller's frees none of the results.
    tf.engine().startScope();
    const result = await backend.average(items);
    tf.engine().endScope();
    if (result.kind === 'refused') throw new Error('refused finite values');
    const made = result.items.flatMap((item) => [
      item.average,
      ...(item.residual === undefined ? [] : [item.residual]),
    ]);
    const found = await backend.download(made);
    const own = { average: average.data, live: live.data, weight };
    const expected = hostKernels().average([own, { ...own, residual: residual.data }]);
    const states = expected.kind === 'averaged' ? expected.items.flatMap(arraysOf) : [];
    expect(found.map(({ data }) => data)).toEqual(states);
    expect(states.every((data) => data.every(Number.isFinite))).toBe(true);
    backend.dispose(made);
    expect(tf.memory().numTensors).toBe(before);
    target.dispose();
  });

  it('are refused beside NaN, and nothing is left', async () => {
    const backend = tfjsBackend(tf);
    const lives = [variableOf(live), variableOf(vector((n) => (n === 9 ? NaN : -LARGEST)))];
    const averages = backend.upload([average, vector(() => LARGEST)]);
    const items = averages.map((each, n) => ({
      average: each,
      live: lives[n] as tf.Tensor,
      weight: 0.5,
    }));
    const before = tf.memory().numTensors;
    expect(await backend.average(items)).toEqual({ kind: 'refused', nonFinite: [1] });
    expect(tf.memory().numTensors).toBe(before);
    const made = await backend.average(items, { allowNonFinite: true });
    if (made.kind === 'refused') throw new Error('refused what was allowed');
    expect(made.items.map(({ isFinite }) => isFinite)).toEqual([true, false]);
    const [, second] = await backend.download(made.items.map((item) => item.average));
    expect([...(second?.data ?? [])]).toEqual([...vector((n) => (n === 9 ? NaN : 0)).data]);
    expect(tf.memory().numTensors).toBe(before);
    backend.dispose([...averages, ...lives]);
  });
});

function arraysOf({ average: sum, residual: rest }: UpdatedItem): readonly (typeof sum)[] {
  return rest === undefined ? [sum] : [sum, rest];
}
